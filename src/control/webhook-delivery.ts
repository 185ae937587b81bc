import { createHmac } from "node:crypto";
import { WEBHOOK_KIND } from "../auth/alerts/alerts.ts";
import { fetchLimited } from "../platform/breaker.ts";
import type { Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import { alertLimits } from "../platform/limits.ts";
import type { Deliverer, Delivery } from "./outbox.ts";

/** Where alerts are sent to, and the secret that signs them. */
export type WebhookSettings = NonNullable<Config["alertWebhook"]>;

/**
 * Calls the operators' webhook, behind the circuit breaker of its origin. Each alert carries its id,
 * the same at every try, and `t=SECONDS,v1=HEX`: the HMAC-SHA-256 of `SECONDS.BODY`.
 */
export function createWebhookDeliverer(
  { url, secret }: WebhookSettings,
  clock: Pick<Clock, "nowSeconds">,
  timeoutMs: number = alertLimits.webhookTimeoutMs,
): Deliverer {
  return {
    kind: WEBHOOK_KIND,
    isReady: () => true,
    async deliver({ id, payload }): Promise<Delivery> {
      const body = JSON.stringify({ id, ...payload });
      try {
        const { status } = await fetchLimited(url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "brigade-alert-id": id,
            "brigade-signature": signatureOf(body, secret, clock.nowSeconds()),
          },
          body,
          timeoutMs,
          bytesMax: alertLimits.webhookAnswerBytesMax,
        });
        if (status < 300) return { kind: "done" };
        // Gone for good (RFC 9110 §15.5.11); anything else may be mended by the operator.
        return { kind: status === 410 ? "refused" : "failed", reason: `answered ${status}` };
      } catch (error) {
        const isOpen = error instanceof AppError && error.note?.startsWith("circuit ") === true;
        return isOpen ? { kind: "away" } : { kind: "failed", reason: "no answer" };
      }
    },
  };
}

/** What the receiver compares, in constant time, after a look at the time. */
export function signatureOf(body: string, secret: string, seconds: number): string {
  const mac = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${mac}`;
}
