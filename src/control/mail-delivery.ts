import { resend, RESEND_KIND } from "../auth/accounts/verification.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { RESET_KIND, sendReset } from "../auth/password/reset.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { createQueueMail, MAIL_KIND, openMail } from "../platform/mail.ts";
import { createMailer, type Mailer } from "../platform/mailer.ts";
import type { Metrics } from "../platform/metrics.ts";
import { openEntry } from "../platform/outbox-sealed.ts";
import type { Database } from "../platform/postgres.ts";
import type { Deliverer, Delivery } from "./outbox.ts";

export interface MailDelivery {
  readonly deliverers: readonly Deliverer[];
  close(): void;
}

/**
 * Mail over SMTP where a server is configured. Without one, outside production the outbox itself is
 * the mailbox (`/dev/mail`); in production mails wait for a day, in case the setting comes.
 */
export function openMailDelivery(config: Config, log: Logger, metrics: Metrics): MailDelivery {
  const { smtp } = config;
  if (smtp === undefined) {
    if (config.environment !== "production") return { deliverers: [TO_MAILBOX], close() {} };
    log.warn("SMTP_URL is not set: no mail is sent; what is queued is given up after a day");
    return { deliverers: [], close() {} };
  }
  const mailer = createMailer({ ...config, smtp });
  metrics.gauge("brigade_mail_circuit_open", "1 while the mail server counts as away", () =>
    mailer.state() === "OPEN" ? 1 : 0,
  );
  return { deliverers: [createMailDeliverer(config, mailer)], close: () => mailer.close() };
}

export function createMailDeliverer(config: Config, mailer: Mailer): Deliverer {
  const sealer = createSealer(config);
  return {
    kind: MAIL_KIND,
    isReady: () => mailer.state() !== "OPEN",
    async deliver({ id, sealed }): Promise<Delivery> {
      if (sealed === undefined) return { kind: "refused", reason: "empty" };
      const outcome = await mailer.send(await openMail(sealer, { id, sealed }), id);
      return outcome.kind === "sent" ? { kind: "done" } : outcome;
    },
  };
}

const TO_MAILBOX: Deliverer = Object.freeze({
  kind: MAIL_KIND,
  isReady: () => true,
  deliver: async (): Promise<Delivery> => ({ kind: "done", keepContent: true }),
});

/** Answers to requests whose answer must not depend on who exists: the work is done here. */
export function createRequestDeliverers(config: Config, database: Database): Deliverer[] {
  const sealer = createSealer(config);
  const options = { database, config, queueMail: createQueueMail(sealer) };
  const handlers: Readonly<Record<string, (content: never) => Promise<void>>> = {
    [RESEND_KIND]: (content) => resend(options, content),
    [RESET_KIND]: (content) => sendReset(options, content),
  };
  return Object.entries(handlers).map(([kind, handle]) => ({
    kind,
    isReady: () => true,
    async deliver({ id, sealed }): Promise<Delivery> {
      if (sealed === undefined) return { kind: "refused", reason: "empty" };
      await handle(await openEntry<never>(sealer, { id, sealed }));
      return { kind: "done" };
    },
  }));
}
