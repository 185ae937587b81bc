import { parseJson } from "../../http/body.ts";
import { json } from "../../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import { readDelivery } from "./delivery.ts";
import { onboardingErrors } from "./errors.ts";
import { deliveryBody, deliveryTaken, TAG } from "./schemas.ts";
import { findSigner, speaksFor } from "./signature.ts";
import type { ResponseStore } from "./store-responses.ts";

const DAY_MS = 86_400_000;

export interface WebhookRouteOptions {
  readonly responses: Pick<ResponseStore, "add">;
  readonly clock: Clock;
  /** Any of them may have signed. Empty: nothing is believed. */
  readonly secrets: readonly string[];
  readonly retentionDays: number;
}

/** Takes what TypeForm delivers: proves it before a word of it counts, answers when it is stored. */
export function createWebhookRoute(options: WebhookRouteOptions): Route {
  const { responses, clock, secrets, retentionDays } = options;
  return defineRoute({
    method: "POST",
    path: "/v1/client-onboarding/webhook",
    summary: "Take a delivery of TypeForm",
    description:
      "`Typeform-Signature` is `sha256=` and the base64 of the HMAC-SHA256 over the bytes of the body. A delivery that is known already is answered alike and changes nothing.",
    tag: TAG,
    access: PUBLIC,
    body: deliveryBody,
    bodyRaw: true,
    bodyBytesMax: limits.deliveryBytesMax,
    bodyExample: {
      event_id: "01H",
      event_type: "form_response",
      form_response: {
        form_id: "lT4Z3j",
        token: "a3a12ec67a1365927098a606107fac15",
        submitted_at: "2026-01-18T18:17:02Z",
        answers: [{ type: "text", text: "Ana", field: { id: "f1", type: "short_text" } }],
        definition: { fields: [{ id: "f1", type: "short_text", title: "Nome" }] },
      },
    },
    responses: {
      200: { description: "It is stored, or was before", schema: deliveryTaken },
      401: { description: "It is not signed, or not by a secret of ours" },
      404: { description: "Nobody has registered the form" },
    },
    async handler(request) {
      if (secrets.length === 0) {
        throw platformErrors.failure("unavailable", { note: "TYPEFORM_WEBHOOK_SECRET is not set" });
      }
      const { rawBody } = request;
      const signer = findSigner(rawBody, request.headerValues("typeform-signature"), secrets);
      if (signer === undefined) throw onboardingErrors.failure("webhook_signature_invalid");
      const now = new Date(clock.nowMs());
      const delivery = readDelivery(parseJson(rawBody), now);
      if (delivery !== undefined && !speaksFor(signer, delivery.typeformId)) {
        throw onboardingErrors.failure("webhook_signature_invalid");
      }
      // TypeForm delivers for many from few addresses: what it signed is the form's to pay.
      request.chargeSender(`typeform ${delivery?.typeformId ?? ""}`);
      // What was removed for its age must not come back with an old copy.
      const oldestMs = now.getTime() - retentionDays * DAY_MS;
      if (delivery !== undefined && delivery.submittedAt.getTime() > oldestMs) {
        const isKnown = await responses.add(delivery, now);
        if (!isKnown) throw platformErrors.failure("not_found");
      }
      const message = "Webhook processed successfully";
      return json(200, { data: { message, details: { processed_at: now } } });
    },
  });
}
