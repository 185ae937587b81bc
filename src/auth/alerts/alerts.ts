import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import { alertLimits } from "../../platform/limits.ts";
import type { MailContent, QueueMail } from "../../platform/mail.ts";
import { enqueue } from "../../platform/outbox.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { operatorAlertMail } from "../mail/security-mails.ts";
import { takeAlert } from "./store.ts";

/** The outbox entries that become calls of the operators' webhook. */
export const WEBHOOK_KIND = "alert_webhook";

export type OwnerAlert = "new_login" | "refresh_reuse";

/** Something operators are told of. */
export interface OperatorAlert {
  readonly kind: string;
  /** What it is about: an account id or a network. */
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number>>;
}

type Asker = Transaction | Pick<Database, "query">;

export interface Alerts {
  /** A mail to an account's owner, unless there was one of its kind a while ago. */
  toOwner(
    asker: Asker,
    kind: OwnerAlert,
    owner: { readonly id: string; readonly email: string },
    content: (suppressed: number) => MailContent,
  ): Promise<void>;
  /** Mail and webhook, whichever is set, unless there was the same a while ago. */
  toOperators(asker: Asker, alert: OperatorAlert): Promise<void>;
}

export interface AlertsOptions {
  readonly queueMail: QueueMail;
  readonly config: Pick<Config, "alertEmail" | "alertWebhook">;
}

/** Alerts leave through the outbox, in the transaction of their cause. */
export function createAlerts({ queueMail, config }: AlertsOptions): Alerts {
  return {
    async toOwner(asker, kind, { id, email }, content) {
      const taken = await takeAlert(asker, kind, id, alertLimits.ownerWindowSeconds);
      if (taken === undefined) return;
      const { subject, text, html } = content(taken.suppressed);
      await queueMail(asker, { name: kind, accountId: id, to: email, subject, text, html });
    },
    async toOperators(asker, alert) {
      const { alertEmail, alertWebhook } = config;
      if (alertEmail === undefined && alertWebhook === undefined) return;
      const { kind, subject, details } = alert;
      const window = alertLimits.operatorWindowSeconds;
      const taken = await takeAlert(asker, `operators:${kind}`, subject, window);
      if (taken === undefined) return;
      const { suppressed } = taken;
      if (alertEmail !== undefined) {
        const content = operatorAlertMail({ ...alert, suppressed });
        await queueMail(asker, { ...content, name: "operator_alert", to: alertEmail });
      }
      if (alertWebhook !== undefined) {
        const payload = { kind, subject, details, suppressed };
        await enqueue(asker, { id: newId(), kind: WEBHOOK_KIND, payload });
      }
    },
  };
}
