/** `brigade …`: finds the command, reads its words, turns every outcome into an exit code. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  CommandFailure,
  EXIT,
  helpOf,
  readArguments,
  UsageError,
  type Command,
} from "./cli/command.ts";
import { createTerminal, printable, type Terminal } from "./cli/terminal.ts";
import { ConfigError } from "./platform/config.ts";
import { AppError } from "./platform/errors.ts";

interface Family {
  readonly summary: string;
  /** Loaded when it is asked for: `brigade --help` needs no database driver. */
  load(): Promise<readonly Command[]>;
}

const FAMILIES: Readonly<Record<string, Family>> = Object.freeze({
  serve: {
    summary: "Start the server (the default)",
    load: async () => (await import("./cli/serve.ts")).serveCommands,
  },
  migrate: {
    summary: "Bring the database up to date",
    load: async () => (await import("./cli/migrate.ts")).migrateCommands,
  },
  users: {
    summary: "Create, list, ban, unlock and delete users",
    load: async () => (await import("./cli/users.ts")).userCommands,
  },
  tenants: {
    summary: "Create and list tenants, their policies and keys for TypeForm",
    load: async () => [
      ...(await import("./cli/tenants.ts")).tenantCommands,
      ...(await import("./cli/tenants-typeform.ts")).tenantTypeformCommands,
    ],
  },
  roles: {
    summary: "Assign, remove and list roles",
    load: async () => (await import("./cli/roles.ts")).roleCommands,
  },
  token: {
    summary: "Print an access token of a user (not in production)",
    load: async () => (await import("./cli/token.ts")).tokenCommands,
  },
  clients: {
    summary: "Register, list, rotate, disable and remove machine clients",
    load: async () => (await import("./cli/clients.ts")).clientCommands,
  },
  keys: {
    summary: "List, rotate, back up and restore the signing keys",
    load: async () => (await import("./cli/keys.ts")).keyCommands,
  },
  audit: {
    summary: "Verify and list the audit log",
    load: async () => (await import("./cli/audit.ts")).auditCommands,
  },
  import: {
    summary: "Import products or users",
    load: async () => (await import("./cli/products.ts")).importCommands,
  },
  export: {
    summary: "Write users to a file",
    load: async () => (await import("./cli/transfer-users.ts")).exportCommands,
  },
  seed: {
    summary: "Fill the catalogue with made-up products",
    load: async () => (await import("./cli/products.ts")).seedCommands,
  },
  db: {
    summary: "Stop the embedded database",
    load: async () => (await import("./cli/db.ts")).dbCommands,
  },
  doctor: {
    summary: "Check this machine, the configuration and the database",
    load: async () => (await import("./cli/doctor.ts")).doctorCommands,
  },
  "dev-issuer": {
    summary: "A user pool of Cognito's kind on this machine (not in production)",
    load: async () => (await import("./cli/dev-issuer.ts")).devIssuerCommands,
  },
  smoke: {
    summary: "Try a running server from outside",
    load: async () => (await import("./cli/smoke.ts")).smokeCommands,
  },
});

/** Runs one command line (without `node` and the script) and resolves to its exit code. */
export async function runCli(
  words: readonly string[],
  terminal: Terminal = createTerminal(),
): Promise<number> {
  try {
    return await run(words, terminal);
  } catch (error) {
    return explain(error, terminal);
  }
}

async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = words;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    for (const line of overview()) terminal.out(line);
    return EXIT.ok;
  }
  const family = Object.hasOwn(FAMILIES, first) ? FAMILIES[first] : undefined;
  if (family === undefined) throw new UsageError(`there is no command '${first}'`);
  const commands = await family.load();
  const command = commands.find(
    ({ name }) => name === first || (rest[0] !== undefined && name === `${first} ${rest[0]}`),
  );
  if (command === undefined) return chooseOne(first, commands, rest[0], terminal);
  const consumed = command.name.split(" ").length - 1;
  const { values, positionals, wantsHelp } = readArguments(command, rest.slice(consumed));
  if (wantsHelp) {
    for (const line of helpOf(command)) terminal.out(line);
    return EXIT.ok;
  }
  return await command.run({ values, positionals, terminal });
}

function overview(): string[] {
  return [
    "Usage: brigade [command] [options]",
    "",
    ...Object.entries(FAMILIES).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`),
    "",
    "`brigade COMMAND --help` tells the options of a command.",
    "Exit codes: 0 done, 1 failed, 2 wrong use, 78 wrong configuration.",
  ];
}

/** A family was named and none of its commands. */
function chooseOne(
  family: string,
  commands: readonly Command[],
  given: string | undefined,
  terminal: Terminal,
): number {
  if (given === "--help" || given === "-h") {
    for (const { name, positionals, summary } of commands) {
      terminal.out(["brigade", name, ...positionals].join(" "));
      terminal.out(`    ${summary}`);
    }
    return EXIT.ok;
  }
  const names = commands.map(({ name }) => `'brigade ${name}'`).join(" or ");
  const problem =
    given === undefined ? `${family} needs a command` : `'${given}' is not known here`;
  throw new UsageError(`${problem}: ${names}`);
}

function explain(error: unknown, terminal: Terminal): number {
  const say = (sentence: string) => terminal.err(`brigade: ${printable(sentence)}`);
  if (error instanceof UsageError) {
    say(`${error.message} (see brigade --help)`);
    return EXIT.usage;
  }
  if (error instanceof ConfigError) {
    say(error.message);
    return EXIT.configuration;
  }
  if (error instanceof AppError) {
    const faults = error.errors?.map(
      ({ path, message }) => `${path.replace(/^\/body\//, "")} ${message}`,
    );
    say(faults?.join("; ") ?? [error.detail ?? error.title, error.note].filter(Boolean).join(": "));
  } else if (error instanceof CommandFailure) {
    say(error.message);
  } else {
    say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
  return EXIT.failure;
}

// A container runs `node dist/src/cli.js migrate`, without the launcher that could build.
const [, script = "", ...words] = process.argv;
if (script !== "" && isThisFile(script)) process.exitCode = await runCli(words);

function isThisFile(path: string): boolean {
  try {
    return realpathSync(path) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}
