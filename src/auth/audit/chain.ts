import { createHash } from "node:crypto";

/** Events of no tenant (somebody nobody knows tried to log in) have a chain of their own. */
export const NO_TENANT_CHAIN = "00000000-0000-0000-0000-000000000000";

/** What stands before the first event of a chain. */
export const CHAIN_BEGIN: Buffer = Buffer.alloc(32);

/** An event as the database tells it, every field as text that has one form only. */
export interface EventText {
  readonly number: number;
  /** UTC with microseconds: `2026-11-26T01:30:00.123456Z`. */
  readonly at: string;
  readonly action: string;
  readonly actor: string | null;
  readonly subject: string | null;
  readonly tenant_id: string | null;
  readonly session_id: string | null;
  readonly reason: string | null;
  readonly request_id: string | null;
  readonly network: string | null;
  readonly country: string | null;
  readonly device: string | null;
}

/** The chain an event belongs to. */
export function chainOf(event: Pick<EventText, "tenant_id">): string {
  return event.tenant_id ?? NO_TENANT_CHAIN;
}

/**
 * The seal of an event: SHA-256 of the previous seal and the event's content, a JSON array in a
 * fixed order. The first word names this form, so that another one can be told from it.
 */
export function sealOf(previous: Buffer, event: EventText): Buffer {
  const content = JSON.stringify([
    "audit-1",
    event.number,
    event.at,
    event.action,
    event.actor,
    event.subject,
    event.tenant_id,
    event.session_id,
    event.reason,
    event.request_id,
    event.network,
    event.country,
    event.device,
  ]);
  return createHash("sha256").update(previous).update(content).digest();
}
