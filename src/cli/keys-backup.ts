import { randomBytes } from "node:crypto";
import { link, open, readFile, rm } from "node:fs/promises";
import { recordEvent } from "../auth/audit/store.ts";
import { openBackup, sealBackup } from "../auth/keys/backup.ts";
import { restoreKeys, takeBackup } from "../auth/keys/restore.ts";
import { backupPassphrase } from "../platform/config.ts";
import { keyLimits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT } from "./command.ts";
import { withWorkspace } from "./open-database.ts";
import type { Terminal } from "./terminal.ts";

const PASSPHRASE_NOTE =
  "The passphrase is asked for; --passphrase-stdin or KEY_BACKUP_PASSPHRASE give it to a script.";
const options = {
  "passphrase-stdin": { type: "boolean", description: "Read the passphrase from standard input" },
} as const;

export const keyBackupCommands = [
  defineCommand({
    name: "keys backup",
    summary:
      "Writes every key into a new file, sealed with a passphrase and readable by you alone.",
    positionals: ["FILE"],
    options,
    notes: [PASSPHRASE_NOTE, "Keep the file and the passphrase apart from each other."],
    async run({ values, positionals, terminal }) {
      const [path] = positionals as readonly [string];
      const passphrase = await readPassphrase(values, terminal, true);
      return await withWorkspace(terminal, async ({ config, database }) => {
        const keys = await takeBackup(database, config);
        await writeOnce(path, await sealBackup(keys, passphrase));
        const reason = keys.map(({ kid }) => kid).join(" ");
        await recordEvent(database, { action: "key.backup", actor: "cli", reason });
        terminal.out(`${keys.length} keys in ${path}`);
        return EXIT.ok;
      });
    },
  }),
  defineCommand({
    name: "keys restore",
    summary: "Brings the keys of a backup back, sealed with the key-encryption key of now.",
    positionals: ["FILE"],
    options,
    notes: [
      PASSPHRASE_NOTE,
      "Where another key signs already, a restored one only verifies. Withdrawn keys stay away.",
    ],
    async run({ values, positionals, terminal }) {
      const text = await readBackup(positionals[0]!);
      const passphrase = await readPassphrase(values, terminal, false);
      const keys = await openBackup(text, passphrase);
      return await withWorkspace(terminal, async (workspace) => {
        const restored = await restoreKeys(workspace, keys);
        for (const [outcome, kids] of Object.entries(restored)) {
          if (kids.length > 0) terminal.out(`${outcome}: ${kids.join(" ")}`);
        }
        return EXIT.ok;
      });
    },
  }),
];

async function readBackup(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CommandFailure(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Whole or not at all, and never over another file. */
async function writeOnce(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(
      code === "EEXIST" ? `${path} is there already` : `${path} cannot be written (${code})`,
    );
  } finally {
    await rm(draft, { force: true });
  }
}

async function readPassphrase(
  values: { "passphrase-stdin"?: boolean | undefined },
  terminal: Terminal,
  isNew: boolean,
): Promise<string> {
  const passphrase = await askPassphrase(values, terminal, isNew);
  if (isNew && passphrase.length < keyLimits.passphraseMinCharacters) {
    throw new CommandFailure(
      `the passphrase needs at least ${keyLimits.passphraseMinCharacters} characters`,
    );
  }
  return passphrase;
}

async function askPassphrase(
  values: { "passphrase-stdin"?: boolean | undefined },
  terminal: Terminal,
  isNew: boolean,
): Promise<string> {
  if (values["passphrase-stdin"] === true) return await terminal.readInput();
  const given = backupPassphrase();
  if (given !== undefined && given !== "") return given;
  const typed = await terminal.readSecret("Passphrase: ");
  if (typed === undefined) {
    throw new CommandFailure("no passphrase: use --passphrase-stdin or KEY_BACKUP_PASSPHRASE");
  }
  if (isNew && typed !== (await terminal.readSecret("Once more: "))) {
    throw new CommandFailure("the two passphrases differ");
  }
  return typed;
}
