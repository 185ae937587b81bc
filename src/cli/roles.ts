import { defineCommand, EXIT, UsageError, type CommandInput } from "./command.ts";
import { assertRolesExist, CLI, findUser, readRoleName, withDirectory } from "./directory.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import { CONTEXTS } from "../http/principal.ts";
import { toTable } from "./terminal.ts";
import type { Role } from "../contexts/iam/index.ts";

const NOTES = [
  "USER is an e-mail address, a user name or an id; ROLE is like recipes_catalog:meal_manager.",
  "Counts on the next request of the user, in every running process.",
];

type Change = (directory: Parameters<typeof findUser>[0], role: RoleOfUser) => Promise<unknown>;
interface RoleOfUser extends ReturnType<typeof readRoleName> {
  readonly userId: string;
  readonly tenantId: string;
  readonly by: typeof CLI;
}

async function changeRole(
  { positionals, terminal }: CommandInput,
  change: Change,
  outcome: string,
): Promise<number> {
  const role = readRoleName(positionals[1]!);
  return await withDirectory(terminal, async (directory) => {
    const user = await findUser(directory, positionals[0]!);
    await change(directory, { ...role, userId: user.id, tenantId: user.tenantId, by: CLI });
    terminal.out(`${user.id} ${outcome} ${role.context}:${role.name}`);
    return EXIT.ok;
  });
}

export const roleCommands = [
  defineCommand({
    name: "roles assign",
    summary: "Gives a role to a user. A role that is held already stays.",
    positionals: ["USER", "ROLE"],
    options: {},
    notes: NOTES,
    run: (input) =>
      changeRole(
        input,
        async (directory, role) => {
          await assertRolesExist(directory, role.tenantId, [role]);
          await directory.iam.users.assignRole(role);
        },
        "holds",
      ),
  }),
  defineCommand({
    name: "roles remove",
    summary: "Takes a role from a user. The last iam:administrator of a tenant keeps it.",
    positionals: ["USER", "ROLE"],
    options: {},
    notes: NOTES,
    run: (input) =>
      changeRole(input, ({ iam }, role) => iam.users.removeRole(role), "no longer holds"),
  }),
  defineCommand({
    name: "roles list",
    summary: "Lists the roles there are and what they permit.",
    positionals: [],
    options: {
      context: { type: "string", value: "CONTEXT", description: `One of ${CONTEXTS.join(", ")}` },
      json: { type: "boolean", description: "JSON lines in place of a table" },
    },
    async run({ values, terminal }) {
      const context = CONTEXTS.find((known) => known === values.context);
      if (values.context !== undefined && context === undefined) {
        throw new UsageError(`--context must be one of ${CONTEXTS.join(", ")}`);
      }
      return await withDirectory(terminal, async ({ iam }) => {
        const roles: Role[] = [];
        for (let skip = 0, total = 1; skip < total; skip += cliLimits.pageCount) {
          const limit = cliLimits.pageCount;
          const page = await iam.roles.list({ tenantId: DEFAULT_TENANT_ID, context, skip, limit });
          roles.push(...page.roles);
          total = page.total;
        }
        for (const line of values.json === true ? roles.map(toJson) : toRows(roles)) {
          terminal.out(line);
        }
        return EXIT.ok;
      });
    },
  }),
];

function toJson({ context, name, permissions }: Role): string {
  return JSON.stringify({ context, name, permissions });
}

function toRows(roles: readonly Role[]): string[] {
  const rows = roles.map((role) => [role.context, role.name, role.permissions.join(" ")]);
  return toTable(["CONTEXT", "ROLE", "PERMISSIONS"], rows);
}
