import { createAccounts, type Accounts } from "../auth/accounts/accounts.ts";
import type { Account } from "../auth/accounts/store.ts";
import { recordIamEvents } from "../auth/audit/of-iam.ts";
import type { Invalidate } from "../auth/index.ts";
import { createPasswordJudge } from "../auth/password/judge.ts";
import { createInlinePasswords } from "../auth/password/run-tasks.ts";
import { createInvalidate } from "../auth/revocation/invalidation-log.ts";
import { createFreshPolicyOf } from "../auth/tenants/policies.ts";
import { createIam, EVERY_TENANT, type Iam, type User } from "../contexts/iam/index.ts";
import { CONTEXTS, type ContextName } from "../http/principal.ts";
import { systemClock } from "../platform/clock.ts";
import { normaliseUuid } from "../platform/ids.ts";
import { createMetrics, type Metrics } from "../platform/metrics.ts";
import { CommandFailure, UsageError } from "./command.ts";
import { withWorkspace, type Workspace } from "./open-database.ts";
import type { Terminal } from "./terminal.ts";

/** Accounts and IAM users as the command line sees them. */
export interface Directory extends Workspace {
  readonly accounts: Accounts;
  readonly iam: Iam;
  readonly invalidate: Invalidate;
  /** Nobody reads those of a command. */
  readonly metrics: Metrics;
}

/** Who changes roles on the command line, for the audit log: above every rank. */
export const CLI = Object.freeze({ actor: "cli" });

/** A role as it is written in a command: `recipes_catalog:meal_manager`. */
export interface RoleName {
  readonly context: ContextName;
  readonly name: string;
}

export async function withDirectory<T>(
  terminal: Terminal,
  use: (directory: Directory) => Promise<T>,
): Promise<T> {
  return await withWorkspace(terminal, async (workspace) => {
    const { config, database } = workspace;
    // Nothing is cached in this process; the servers read what is taken away from the log.
    const invalidate = createInvalidate({ generations: { bump: () => {} } });
    const iam = createIam({
      database,
      invalidate,
      record: recordIamEvents,
      clock: systemClock,
      ownIssuer: config.publicUrl,
    });
    const passwords = createInlinePasswords(config.passwordHash);
    const policyOf = createFreshPolicyOf({ database, config });
    const metrics = createMetrics();
    const accounts = createAccounts({
      database,
      passwords,
      judge: createPasswordJudge({ passwords, policyOf, config }),
      provisionUser: iam.provisionUser,
      invalidate,
      config,
      clock: systemClock,
      metrics,
    });
    return await use({ ...workspace, accounts, iam, invalidate, metrics });
  });
}

/** Throws `UsageError` when the text is not `context:name`. */
export function readRoleName(text: string): RoleName {
  const [, written = "", name = ""] = /^([A-Za-z_]+):([a-z0-9_]+)$/.exec(text) ?? [];
  const context = CONTEXTS.find((known) => known === (written === "IAM" ? "iam" : written));
  if (context === undefined) {
    throw new UsageError(`'${text}' is not a role like iam:administrator or recipes_catalog:user`);
  }
  return { context, name };
}

/** Throws `CommandFailure` for a role that users of the tenant cannot be given. */
export async function assertRolesExist(
  { iam }: Directory,
  tenantId: string,
  wanted: readonly RoleName[],
): Promise<void> {
  for (const { context, name } of wanted) {
    if ((await iam.roles.find({ tenantId, context, name })) === undefined) {
      throw new CommandFailure(`there is no role ${context}:${name} (see brigade roles list)`);
    }
  }
}

/** The account by e-mail address, user name or id. */
export async function findAccount(
  { accounts }: Directory,
  reference: string,
): Promise<Account | undefined> {
  const id = normaliseUuid(reference);
  if (id !== undefined) return await accounts.findById(id);
  if (reference.includes("@")) return await accounts.findByEmail(reference);
  return await accounts.findByUsername(reference);
}

/** The IAM user by id, or by an identifier of its account. Throws `CommandFailure`. */
export async function findUser(directory: Directory, reference: string): Promise<User> {
  const id = normaliseUuid(reference) ?? (await findAccount(directory, reference))?.id;
  const user = id === undefined ? undefined : await directory.iam.users.find(id, EVERY_TENANT);
  if (user === undefined) throw new CommandFailure(`there is no user ${reference}`);
  return user;
}
