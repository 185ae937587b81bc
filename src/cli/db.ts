import { loadConfig } from "../platform/config.ts";
import { stopEmbedded } from "../platform/embedded-postgres.ts";
import { CommandFailure, defineCommand, EXIT } from "./command.ts";

export const dbCommands = [
  defineCommand({
    name: "db stop",
    summary: "Stops the embedded PostgreSQL of DATA_DIR, whoever uses it.",
    positionals: [],
    options: {},
    async run({ terminal }) {
      const config = loadConfig();
      if (config.databaseUrl !== undefined) {
        throw new CommandFailure("DATABASE_URL is set: that server is not ours to stop");
      }
      const stopped = await stopEmbedded(config.dataDir);
      terminal.out(stopped ? "stopped" : "was not running");
      return EXIT.ok;
    },
  }),
];
