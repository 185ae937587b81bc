import { defineCommand, EXIT } from "./command.ts";

export const serveCommands = [
  defineCommand({
    name: "serve",
    summary: "Starts the server with the settings of the environment and of ./.env.",
    positionals: [],
    options: {},
    notes: ["Ends with SIGTERM or Ctrl-C after the open requests; a second one ends it at once."],
    async run() {
      // It starts on import and goes on until a signal.
      await import("../main.ts");
      return EXIT.ok;
    },
  }),
];
