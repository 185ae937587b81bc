import { enqueueSealed, openEntry } from "./outbox-sealed.ts";
import type { Database, Transaction } from "./postgres.ts";
import type { Sealer } from "./sealer.ts";

/** What somebody is told by mail. `html` is escaped already. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mail extends MailContent {
  readonly to: string;
}

/** A mail on its way into the outbox. */
export interface OutgoingMail extends Mail {
  /** Which mail it is, for the log and the metrics: `verify_email`. */
  readonly name: string;
  /** Whose it is: it goes with the account. */
  readonly accountId?: string | undefined;
}

/** Writes a mail down in the transaction of its cause; it is sent after the commit. */
export type QueueMail = (
  asker: Transaction | Pick<Database, "query">,
  mail: OutgoingMail,
) => Promise<void>;

export const MAIL_KIND = "mail";

/** A mail may hold a token: address and content are sealed. */
export function createQueueMail(sealer: Sealer): QueueMail {
  return (asker, { name, accountId, to, subject, text, html }) =>
    enqueueSealed(asker, sealer, {
      kind: MAIL_KIND,
      payload: { name, ...(accountId === undefined ? {} : { account_id: accountId }) },
      content: { to, subject, text, html },
    });
}

/** The mail that was sealed into a row. Throws when it does not open. */
export function openMail(
  sealer: Sealer,
  row: { readonly id: string; readonly sealed: Buffer },
): Promise<Mail> {
  return openEntry<Mail>(sealer, row);
}
