import { loadConfig } from "../platform/config.ts";
import { migrate } from "../platform/migrate.ts";
import { defineCommand, EXIT } from "./command.ts";
import { createTerminalLog, withDatabaseUrl } from "./open-database.ts";

export const migrateCommands = [
  defineCommand({
    name: "migrate",
    summary: "Applies the migrations the database has not seen, and names them.",
    positionals: [],
    options: {},
    notes: ["Needs a direct connection: behind a transaction pooler its lock would not hold."],
    async run({ terminal }) {
      const config = loadConfig();
      const log = createTerminalLog(config, terminal);
      const applied = await withDatabaseUrl(config, log, (url) => migrate(url, log));
      for (const name of applied) terminal.out(name);
      if (applied.length === 0) terminal.err("brigade: the database is up to date");
      return EXIT.ok;
    },
  }),
];
