import { readKeys } from "../auth/keys/store.ts";
import { defineCommand, EXIT } from "./command.ts";
import { withWorkspace } from "./open-database.ts";
import { toTable } from "./terminal.ts";

export const keyCommands = [
  defineCommand({
    name: "keys list",
    summary: "Lists the keys that sign access tokens and refresh tokens; never a secret.",
    positionals: [],
    options: { json: { type: "boolean", description: "JSON lines in place of a table" } },
    notes: ["Needs KEY_ENCRYPTION_KEYS, as the server does: a key it cannot open is a fault."],
    run: ({ values, terminal }) =>
      withWorkspace(terminal, async ({ config, database }) => {
        const snapshot = await readKeys(database, config);
        const keys = [
          ...snapshot.signatures.map(({ kid, alg, state }) => ({ kid, use: "sig", alg, state })),
          ...snapshot.macs.map(({ kid, state }) => ({ kid, use: "mac", alg: "HS256", state })),
        ];
        if (values.json === true) for (const key of keys) terminal.out(JSON.stringify(key));
        else {
          const rows = keys.map(({ kid, use, alg, state }) => [kid, use, alg, state]);
          for (const line of toTable(["KID", "USE", "ALG", "STATE"], rows)) terminal.out(line);
        }
        return EXIT.ok;
      }),
  }),
];
