import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

export type AuditAction =
  | "account.register"
  | "account.register_refused"
  | "account.update"
  | "account.verify"
  | "account.invite"
  | "account.accept"
  | "account.email_ask"
  | "account.email_change"
  | "account.ban"
  | "account.delete"
  | "account.impersonate"
  | "tenant.create"
  | "tenant.update"
  | "tenant.disable"
  | "tenant.enable"
  | "typeform_key.set"
  | "typeform_key.clear"
  | "account.disable"
  | "account.enable"
  | "account.password_demand"
  | "account.import"
  | "account.export"
  | "login.success"
  | "login.failure"
  | "login.challenge"
  | "login.anomaly"
  | "account.lock"
  | "account.unlock"
  | "network.block"
  | "network.unblock"
  | "incident"
  | "password.breach_unchecked"
  | "mfa.failure"
  | "mfa.totp_added"
  | "mfa.totp_removed"
  | "mfa.passkey_added"
  | "mfa.passkey_removed"
  | "mfa.recovery_codes_made"
  | "mfa.recovery_code_used"
  | "mfa.reset"
  | "mfa.device_trusted"
  | "mfa.device_forgotten"
  | "session.step_up"
  | "password.change"
  | "password.change_refused"
  | "password.reset"
  | "password.reset_request"
  | "refresh.reuse"
  | "refresh.ahead"
  | "refresh.device_mismatch"
  | "session.changed"
  | "client.create"
  | "client.rotate"
  | "client.enable"
  | "client.disable"
  | "client.remove"
  | "client.failure"
  | "user.create"
  | "user.discard"
  | "user.provision"
  | "user.sign_out"
  | "role.assign"
  | "role.remove"
  | "role.create"
  | "role.change"
  | "token.revoke"
  | "token.revoke_all"
  | "session.end"
  | "session.evict"
  | "logout"
  | "api_key.create"
  | "api_key.rotate"
  | "api_key.revoke"
  | "key.rotate"
  | "key.rotate_asked"
  | "key.withdraw"
  | "key.seal"
  | "key.backup"
  | "key.restore";

/** One line of the audit log. Ids only: what somebody typed may be a password. */
export interface AuditEvent {
  readonly action: AuditAction;
  /** Who did it: an account id, `cli`, or undefined for nobody we know. */
  readonly actor?: string | undefined;
  /** Whom it was done to: an account id. */
  readonly subject?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly network?: string | undefined;
  /** ISO 3166 alpha-2. */
  readonly country?: string | undefined;
  /** The words by which a person recognises it. */
  readonly device?: string | undefined;
}

/** Writes in the transaction of the event when there is one. The table takes no other change. */
export async function recordEvent(
  asker: Transaction | Pick<Database, "query">,
  event: AuditEvent,
): Promise<void> {
  await asker.query(sql`
    INSERT INTO auth.audit_log
      (action, actor, subject, tenant_id, session_id, reason, request_id, network, country, device)
    VALUES (${event.action}, ${event.actor ?? null}, ${event.subject ?? null},
            ${event.tenantId ?? null}, ${event.sessionId ?? null}, ${event.reason ?? null},
            ${event.requestId ?? null}, ${event.network ?? null}, ${event.country ?? null},
            ${event.device ?? null})`);
}

/** Many events of one transaction, in their order. */
export async function recordEvents(
  asker: Transaction,
  events: readonly AuditEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await asker.query(sql`
    INSERT INTO auth.audit_log
      (action, actor, subject, tenant_id, session_id, reason, request_id, network, country, device)
    SELECT action, actor, subject, "tenantId", "sessionId", reason, "requestId", network, country,
           device
      FROM jsonb_to_recordset(${JSON.stringify(events)}::jsonb)
        AS event (action text, actor text, subject text, "tenantId" uuid, "sessionId" uuid,
                  reason text, "requestId" text, network text, country text, device text)`);
}
