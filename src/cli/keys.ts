import { readKeys } from "../auth/keys/store.ts";
import { listKeys } from "../auth/keys/store-rows.ts";
import { defineCommand, EXIT } from "./command.ts";
import { keyBackupCommands } from "./keys-backup.ts";
import { keyRotationCommands } from "./keys-rotate.ts";
import { withWorkspace } from "./open-database.ts";
import { toTable } from "./terminal.ts";

export const keyCommands = [
  defineCommand({
    name: "keys list",
    summary: "Lists the keys that sign access tokens and refresh tokens; never a secret.",
    positionals: [],
    options: {
      json: { type: "boolean", description: "JSON lines in place of a table" },
      all: { type: "boolean", description: "Those that are gone, too" },
    },
    notes: ["Needs KEY_ENCRYPTION_KEYS, as the server does: a key it cannot open is a fault."],
    run: ({ values, terminal }) =>
      withWorkspace(terminal, async ({ config, database }) => {
        await readKeys(database, config);
        const listed = await listKeys(database);
        const keys = listed.filter(({ state }) => values.all === true || state !== "gone");
        if (values.json === true) for (const key of keys) terminal.out(JSON.stringify(key));
        else {
          const head = ["KID", "USE", "ALG", "STATE", "SEALED WITH", "MISSING IN", "SINCE"];
          const rows = keys.map((key) => [
            key.kid,
            key.use,
            key.alg,
            key.state,
            key.sealedWith ?? "-",
            String(key.missingIn),
            (key.retiredAt ?? key.activatedAt ?? key.createdAt).toISOString(),
          ]);
          for (const line of toTable(head, rows)) terminal.out(line);
        }
        return EXIT.ok;
      }),
  }),
  ...keyRotationCommands,
  ...keyBackupCommands,
];
