import { disable, enable, erase } from "../auth/accounts/standing.ts";
import type { Account } from "../auth/accounts/store.ts";
import { unlock } from "../auth/alerts/unlock.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { erasingForms } from "../contexts/client-onboarding/index.ts";
import { createEndSessions } from "../auth/session/end.ts";
import { accountLimits } from "../platform/limits.ts";
import { createQueueMail } from "../platform/mail.ts";
import {
  CommandFailure,
  defineCommand,
  EXIT,
  UsageError,
  type OptionDefinition,
} from "./command.ts";
import { findAccount, withDirectory, type Directory } from "./directory.ts";
import { findTenantByReference } from "./tenants.ts";
import type { Terminal } from "./terminal.ts";

type Change = (
  directory: Directory,
  account: Account,
  reason: string | undefined,
) => Promise<string>;

/** Of every command here; `--yes` is of those that cannot be taken back. */
const options = {
  tenant: {
    type: "string",
    value: "TENANT",
    description: "Only if the account is of this tenant (an id or a name)",
  },
  reason: { type: "string", value: "TEXT", description: "Why, for the audit log" },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

const REFERENCE =
  "EMAIL may be a user name or an id as well. Ends with 1 where there is no such account.";
const AT_ONCE =
  "Running servers refuse its tokens at once, as after the same change by an administrator.";

export const userStandingCommands = [
  standingCommand("ban", {
    summary: "Bans an account for good: its sessions end, and it cannot log in.",
    note: AT_ONCE,
    async change(directory, account, reason) {
      await disable(directory, account, { kind: "banned", reason }, { actor: "cli" });
      return "banned";
    },
  }),
  standingCommand("unban", {
    summary: "Takes an account up again that was banned or deactivated.",
    note: "Sessions that ended stay ended: its owner logs in again.",
    async change(directory, account, reason) {
      await enable(directory, account, { actor: "cli", reason });
      return "active";
    },
  }),
  standingCommand("unlock", {
    summary: "Ends the locks of wrong passwords, and forgets what was counted.",
    note: "Networks that were shut out stay so.",
    async change({ database }, { id, tenantId }, reason = "operator") {
      await database.withTransaction((tx) => unlock(tx, id, { actor: "cli", reason, tenantId }));
      return "not locked";
    },
  }),
  standingCommand("end-sessions", {
    summary: "Ends every session of an account.",
    note: AT_ONCE,
    async change(directory, { id: accountId, tenantId }, detail) {
      const { database, invalidate, config, metrics } = directory;
      const end = createEndSessions({
        database,
        invalidate,
        throttle: { take: async () => {} },
        metrics,
        ownIssuer: config.publicUrl,
      });
      const { count } = await end({
        choice: { accountId, tenantId },
        tenantId,
        actor: "cli",
        action: "session.end",
        reason: "admin",
        detail,
      });
      return count === 1 ? "1 session ended" : `${count} sessions ended`;
    },
  }),
  defineCommand({
    name: "users delete",
    summary: "Erases an account and its personal data for good; its owner is told by mail.",
    positionals: ["EMAIL"],
    options: { ...options, yes: { type: "boolean", description: "Do not ask" } },
    notes: [
      "On a terminal the address has to be typed again; elsewhere --yes is needed.",
      REFERENCE,
      AT_ONCE,
    ],
    run: ({ values, positionals, terminal }) =>
      withAccount(terminal, positionals[0]!, values.tenant, async (directory, account) => {
        const reason = readReason(values.reason);
        if (values.yes !== true) await confirm(terminal, account);
        const queueMail = createQueueMail(createSealer(directory.config));
        const discardUser = erasingForms(directory.iam.discardUser);
        await erase({ ...directory, queueMail, discardUser }, account, { actor: "cli", reason });
        return "deleted";
      }),
  }),
];

function standingCommand(
  verb: string,
  { summary, note, change }: { summary: string; note: string; change: Change },
) {
  return defineCommand({
    name: `users ${verb}`,
    summary,
    positionals: ["EMAIL"],
    options,
    notes: [REFERENCE, note],
    run: ({ values, positionals, terminal }) =>
      withAccount(terminal, positionals[0]!, values.tenant, (directory, account) =>
        change(directory, account, readReason(values.reason)),
      ),
  });
}

/** Changes one account and tells what it is now. Throws `CommandFailure` for nobody. */
function withAccount(
  terminal: Terminal,
  reference: string,
  tenant: string | undefined,
  change: (directory: Directory, account: Account) => Promise<string>,
): Promise<number> {
  return withDirectory(terminal, async (directory) => {
    const ofTenant = tenant && (await findTenantByReference(directory, tenant)).id;
    const account = await findAccount(directory, reference);
    if (account === undefined || (ofTenant ?? account.tenantId) !== account.tenantId) {
      const where = tenant === undefined ? "" : ` in the tenant ${tenant}`;
      throw new CommandFailure(`there is no account ${reference}${where}`);
    }
    terminal.out(`${account.id}: ${await change(directory, account)}`);
    return EXIT.ok;
  });
}

function readReason(text: string | undefined): string | undefined {
  const max = accountLimits.reasonMaxCharacters;
  if ((text?.length ?? 0) <= max) return text;
  throw new UsageError(`--reason has at most ${max} characters`);
}

async function confirm(terminal: Terminal, { email }: Account): Promise<void> {
  const typed = await terminal.ask(`Type ${email} to delete the account for good: `);
  if (typed === undefined) throw new UsageError("without a terminal --yes is needed");
  if (typed.trim().toLowerCase() !== email) throw new CommandFailure("nothing was deleted");
}
