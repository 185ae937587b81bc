import { readFile } from "node:fs/promises";
import { Check } from "typebox/schema";
import { createSealer } from "../auth/keys/sealer.ts";
import { changePolicy, createTenant } from "../auth/tenants/administration.ts";
import { defaultPolicy, mergePolicy } from "../auth/tenants/policy.ts";
import { assertCoherent, storedPolicy } from "../auth/tenants/schemas.ts";
import { findTenant, listTenants, type Tenant } from "../auth/tenants/store-admin.ts";
import { systemClock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { normaliseUuid } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import { createQueueMail } from "../platform/mail.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { withDirectory, type Directory } from "./directory.ts";
import { toTable } from "./terminal.ts";

const BY = Object.freeze({ actor: "cli" });

export const tenantCommands = [
  defineCommand({
    name: "tenants create",
    summary: "Makes a tenant, and invites its first administrator by mail.",
    positionals: ["NAME"],
    options: {
      administrator: { type: "string", value: "EMAIL", description: "Whom to invite" },
    },
    async run({ values, positionals: [name], terminal }) {
      if (!/^[a-z0-9][a-z0-9-]{1,62}$/.test(name!)) {
        throw new UsageError("NAME has 2 to 63 small letters, digits and dashes");
      }
      return await withDirectory(terminal, async (directory) => {
        const { administrator: email } = values;
        const administrator = email === undefined ? undefined : { email };
        const tenant = await createTenant(inviting(directory), name!, administrator, BY);
        terminal.out(`id: ${tenant.id}`);
        return EXIT.ok;
      });
    },
  }),
  defineCommand({
    name: "tenants list",
    summary: "Lists all tenants, the oldest first.",
    positionals: [],
    options: { json: { type: "boolean", description: "JSON lines in place of a table" } },
    async run({ values, terminal }) {
      return await withDirectory(terminal, async (directory) => {
        const tenants = await everyTenant(directory);
        if (values.json === true) for (const one of tenants) terminal.out(JSON.stringify(one));
        else {
          const rows = tenants.map(({ id, name, active, createdAt }) => [
            id,
            name,
            active ? "active" : "deactivated",
            createdAt.toISOString(),
          ]);
          for (const line of toTable(["ID", "NAME", "STANDING", "CREATED"], rows))
            terminal.out(line);
        }
        return EXIT.ok;
      });
    },
  }),
  defineCommand({
    name: "tenants policy",
    summary: "Shows the policy in force, or replaces what the tenant decides for itself.",
    positionals: ["TENANT"],
    options: {
      set: { type: "string", value: "FILE", description: "JSON with what the tenant decides" },
    },
    notes: ["TENANT is an id or a name. What the file leaves out is the server's default."],
    async run({ values, positionals: [reference], terminal }) {
      return await withDirectory(terminal, async (directory) => {
        const tenant = await findTenantByReference(directory, reference!);
        const defaults = mergePolicy(defaultPolicy(directory.config), {});
        let shown = tenant;
        if (values.set !== undefined) {
          const policy: unknown = JSON.parse(await readFile(values.set, "utf8"));
          if (!Check(storedPolicy, policy)) throw new CommandFailure("the file is not a policy");
          assertAcceptable(() => assertCoherent(policy, defaults));
          shown = await changePolicy(directory, tenant.id, { policy }, BY);
        }
        terminal.out(JSON.stringify(mergePolicy(defaults, shown.policy), undefined, 2));
        return EXIT.ok;
      });
    },
  }),
];

function assertAcceptable(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const faults = (error.errors ?? []).map(({ path, message }) => `${path} ${message}`);
    throw new CommandFailure(faults.join("; "));
  }
}

function inviting(directory: Directory) {
  const { database, config, iam, metrics } = directory;
  const unused = () => Promise.reject(new Error("there is no password to look at"));
  return {
    database,
    config,
    clock: systemClock,
    metrics,
    queueMail: createQueueMail(createSealer(config)),
    provisionUser: iam.provisionUser,
    giveAdministrator: iam.giveAdministrator,
    invalidate: directory.invalidate,
    throttle: { take: async () => {} },
    passwords: { hash: unused },
    judge: { assertAcceptable: unused },
  };
}

async function everyTenant({ database }: Directory): Promise<Tenant[]> {
  const all: Tenant[] = [];
  const limit = cliLimits.pageCount;
  for (let skip = 0, total = 1; skip < total; skip += limit) {
    const page = await listTenants(database, { skip, limit });
    all.push(...page.tenants);
    total = page.total;
  }
  return all;
}

/** The tenant by id or name. Throws `CommandFailure`. */
export async function findTenantByReference(
  directory: Directory,
  reference: string,
): Promise<Tenant> {
  const id = normaliseUuid(reference);
  const found =
    id === undefined
      ? (await everyTenant(directory)).find(({ name }) => name === reference)
      : await findTenant(directory.database, id);
  if (found === undefined) throw new CommandFailure(`there is no tenant ${reference}`);
  return found;
}
