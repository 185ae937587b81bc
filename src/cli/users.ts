import { EVERY_TENANT, type User } from "../contexts/iam/index.ts";
import { DEFAULT_TENANT_ID, randomToken } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { assertRolesExist, CLI, readRoleName, withDirectory, type Directory } from "./directory.ts";
import { toTable, type Terminal } from "./terminal.ts";
import { userStandingCommands } from "./users-standing.ts";

export const userCommands = [
  defineCommand({
    name: "users create",
    summary:
      "Makes an account and its user, with the role `user` in every context and the roles named.",
    positionals: [],
    options: {
      email: { type: "string", value: "EMAIL", description: "Address; required" },
      username: { type: "string", value: "NAME", description: "What else to log in with" },
      name: { type: "string", value: "TEXT", description: "The person's name" },
      role: {
        type: "string",
        multiple: true,
        value: "CONTEXT:NAME",
        description: "A role to give, like iam:administrator",
      },
      "password-stdin": { type: "boolean", description: "Read the password from standard input" },
      prompt: { type: "boolean", description: "Ask for the password on the terminal" },
      json: { type: "boolean", description: "JSON in place of lines" },
    },
    notes: [
      "Without --password-stdin and --prompt a password is made and printed once.",
      "A password is never an argument: other users of the machine could read it.",
    ],
    async run({ values, terminal }) {
      if (values.email === undefined) throw new UsageError("--email is missing");
      const roles = (values.role ?? []).map(readRoleName);
      const { password, isGenerated } = await readPassword(values, terminal);
      const { email, username, name } = values;
      return await withDirectory(terminal, async (directory) => {
        const { accounts, iam } = directory;
        await assertRolesExist(directory, DEFAULT_TENANT_ID, roles);
        const account = await accounts.create(
          { email, username, name, password },
          { actor: "cli", emailVerified: true },
        );
        const { id, tenantId } = account;
        for (const role of roles)
          await iam.users.assignRole({ userId: id, tenantId, ...role, by: CLI });
        const made = { id, email: account.email, ...(isGenerated ? { password } : {}) };
        const lines = Object.entries(made).map(([key, value]) => `${key}: ${value}`);
        for (const line of values.json === true ? [JSON.stringify(made)] : lines) {
          terminal.out(line);
        }
        return EXIT.ok;
      });
    },
  }),
  defineCommand({
    name: "users list",
    summary: "Lists the users of all tenants with their roles, oldest first.",
    positionals: [],
    options: {
      role: { type: "string", value: "CONTEXT:NAME", description: "Only who holds this role" },
      json: { type: "boolean", description: "JSON lines in place of a table" },
    },
    async run({ values, terminal }) {
      const role = values.role === undefined ? undefined : readRoleName(values.role);
      return await withDirectory(terminal, async (directory) => {
        const listed: Listed[] = [];
        for await (const user of everyUser(directory, role)) {
          const email = (await directory.accounts.findById(user.id))?.email;
          if (values.json === true) terminal.out(JSON.stringify(toJson({ user, email })));
          else listed.push({ user, email });
        }
        if (values.json !== true) for (const line of toRows(listed)) terminal.out(line);
        return EXIT.ok;
      });
    },
  }),
  ...userStandingCommands,
];

const GENERATED_PASSWORD_BYTES = 15;

async function readPassword(
  values: { "password-stdin"?: boolean | undefined; prompt?: boolean | undefined },
  terminal: Terminal,
): Promise<{ password: string; isGenerated: boolean }> {
  if (values["password-stdin"] === true) {
    const password = await terminal.readInput();
    if (password === "") throw new CommandFailure("standard input holds no password");
    return { password, isGenerated: false };
  }
  if (values.prompt !== true) {
    return { password: randomToken(GENERATED_PASSWORD_BYTES), isGenerated: true };
  }
  const password = await terminal.readSecret("Password: ");
  if (password === undefined) throw new UsageError("--prompt needs a terminal");
  if (password !== (await terminal.readSecret("Once more: "))) {
    throw new CommandFailure("the two passwords differ");
  }
  return { password, isGenerated: false };
}

interface Listed {
  readonly user: User;
  readonly email: string | undefined;
}

async function* everyUser(
  { iam }: Directory,
  role: ReturnType<typeof readRoleName> | undefined,
): AsyncGenerator<User> {
  const limit = cliLimits.pageCount;
  for (let skip = 0, total = 1; skip < total; skip += limit) {
    const page = await iam.users.list({
      tenantId: EVERY_TENANT,
      roleContext: role?.context,
      roleName: role?.name,
      skip,
      limit,
    });
    yield* page.users;
    total = page.total;
  }
}

// Everybody is a `user` everywhere: only the other roles tell something.
const toldRoles = ({ roles }: User) =>
  roles.filter(({ name }) => name !== "user").map(({ context, name }) => `${context}:${name}`);

function toJson({ user, email }: Listed) {
  const { id, issuer, subject, version, createdAt } = user;
  const roles = user.roles.map(({ context, name }) => `${context}:${name}`);
  return { id, email, issuer, subject, roles, version, created_at: createdAt.toISOString() };
}

function toRows(listed: readonly Listed[]): string[] {
  const rows = listed.map(({ user, email }) => [
    user.id,
    email ?? "-",
    user.createdAt.toISOString(),
    toldRoles(user).join(" "),
  ]);
  return toTable(["ID", "EMAIL", "CREATED", "ROLES"], rows);
}
