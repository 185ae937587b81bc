import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { toRecordJson } from "../auth/accounts/account-record.ts";
import { exportAccounts, importAccounts } from "../auth/accounts/transfer.ts";
import { recordEvent } from "../auth/audit/store.ts";
import { systemClock } from "../platform/clock.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { withDirectory } from "./directory.ts";
import { printable } from "./terminal.ts";

export const importUsersCommand = defineCommand({
  name: "import users",
  summary: "Reads accounts with the hashes of their passwords. Doing it again changes nothing.",
  positionals: ["PATH"],
  options: {
    format: { type: "string", value: "FORMAT", description: "jsonl or csv (default: by the name)" },
    json: { type: "boolean", description: "The counts as JSON" },
  },
  notes: [
    "Fields: email (required), password_hash, username, name, email_verified, active, language,",
    "created_at, must_change_password, roles (context:name), tenant_id, id.",
    "Hashes: argon2id, bcrypt, scrypt, PBKDF2 as PHC strings, passlib or Django write them; each is",
    "made anew at the next login. A hash that would cost more than a login may is refused.",
    "A bad row is named with its line and its reason on standard error and skipped.",
    "Killed half-way, nothing that was counted is lost: start it again.",
  ],
  async run({ values, positionals, terminal }) {
    const path = positionals[0]!;
    const format = values.format ?? (path.endsWith(".csv") ? "csv" : "jsonl");
    if (format !== "csv" && format !== "jsonl") throw new UsageError("--format is jsonl or csv");
    return await withDirectory(terminal, async ({ database, iam }) => {
      const progress = terminal.progress("accounts");
      const options = { database, users: iam.bulk, clock: systemClock };
      const counts = await importAccounts(options, {
        path,
        format,
        onProgress: progress.update,
        onRejected: ({ line, reason }) => progress.note(`line ${line}: ${printable(reason)}`),
      })
        .catch((error: unknown) => {
          throw isFileError(error) ? new CommandFailure(`${path} cannot be read`) : error;
        })
        .finally(progress.end);
      const words = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
      terminal.out(values.json === true ? JSON.stringify(counts) : words.join(", "));
      return EXIT.ok;
    });
  },
});

export const exportCommands = [
  defineCommand({
    name: "export users",
    summary: "Writes all accounts as JSON lines, as `import users` reads them.",
    positionals: [],
    options: {
      output: { type: "string", value: "FILE", description: "A new file, readable by you alone" },
      "with-hashes": { type: "boolean", description: "With the hashes of the passwords" },
    },
    notes: ["Each export is a line of the audit log."],
    async run({ values, terminal }) {
      return await withDirectory(terminal, async ({ database, iam }) => {
        const withHashes = values["with-hashes"] === true;
        const sink = await openSink(values.output, terminal.out);
        // Before the first line leaves: there is no export that nobody can find.
        const reason = withHashes ? "with hashes" : "without hashes";
        await recordEvent(database, { action: "account.export", actor: "cli", reason });
        let count = 0;
        for await (const account of exportAccounts({ database, users: iam.bulk })) {
          const record = withHashes ? account : { ...account, passwordHash: undefined };
          await sink.write(JSON.stringify(toRecordJson(record)));
          count++;
        }
        await sink.close();
        if (values.output !== undefined) terminal.out(`${count} accounts`);
        return EXIT.ok;
      });
    },
  }),
];

async function openSink(path: string | undefined, out: (line: string) => void) {
  if (path === undefined)
    return { write: async (line: string) => out(line), close: async () => {} };
  // Never over a file that is there, whose readers are not ours to know.
  const stream = createWriteStream(path, { flags: "wx", mode: 0o600 });
  try {
    await once(stream, "open");
  } catch {
    throw new CommandFailure(`${path} cannot be made, or is there already`);
  }
  return {
    async write(line: string) {
      if (!stream.write(`${line}\n`)) await once(stream, "drain");
    },
    async close() {
      stream.end();
      await once(stream, "close");
    },
  };
}

function isFileError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}
