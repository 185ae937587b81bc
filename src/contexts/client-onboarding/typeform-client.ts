import { setTimeout } from "node:timers/promises";
import { fetchLimited, type OutgoingReply } from "../../platform/breaker.ts";
import type { TypeformSettings } from "../../platform/config-onboarding.ts";
import { AppError } from "../../platform/errors.ts";
import { typeformLimits as limits } from "../../platform/limits.ts";
import type { TypeformAccount } from "./accounts.ts";
import type { WantedWebhook } from "./form.ts";
import type { Pace } from "./store-pace.ts";

/** TypeForm's name for our webhook of a form. */
const TAG = "client_onboarding";

/**
 * What became of a call. `missing`: no such form or webhook; `refused`: the key is not accepted;
 * `invalid`: TypeForm does not take the values; `limited`: too many calls; `away`: no answer, or
 * one that says nothing, so `isUncertain` whether the call had its effect.
 */
export type TypeformOutcome =
  | { readonly kind: "done" | "missing" | "refused" | "invalid" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number }
  | {
      readonly kind: "away";
      readonly retryAfterSeconds: number;
      readonly isUncertain: boolean;
    };

export interface TypeformClient {
  /** Whether the key may read the form. */
  findForm(account: TypeformAccount, typeformId: string): Promise<TypeformOutcome>;
  /** Makes the webhook, or makes it so. */
  putWebhook(
    account: TypeformAccount,
    typeformId: string,
    webhook: WantedWebhook,
  ): Promise<TypeformOutcome>;
  deleteWebhook(account: TypeformAccount, typeformId: string): Promise<TypeformOutcome>;
}

interface Call {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

/**
 * The one way to TypeForm: with one key, in its rhythm, behind the circuit breaker of its origin,
 * never inside a transaction.
 */
export function createTypeformClient(
  { apiUrl }: Pick<TypeformSettings, "apiUrl">,
  pace: Pace,
  timeoutMs: number = limits.callTimeoutMs,
): TypeformClient {
  async function call(
    { apiKey, paceName }: TypeformAccount,
    { method, path, body }: Call,
  ): Promise<TypeformOutcome> {
    const turn = await pace.takeTurn(paceName);
    if (turn.kind === "full") {
      return { kind: "limited", retryAfterSeconds: Math.max(1, Math.ceil(turn.seconds)) };
    }
    if (turn.seconds > 0) await setTimeout(turn.seconds * 1000);
    try {
      const reply = await fetchLimited(`${apiUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        timeoutMs,
        bytesMax: limits.answerBytesMax,
        isAnonymous: true,
        isFailure: (status) => status >= 500,
      });
      const outcome = outcomeOf(reply);
      if (outcome.kind === "limited") await pace.pause(paceName, outcome.retryAfterSeconds);
      return outcome;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const isUncertain = error.note?.startsWith("circuit ") !== true;
      const told = Number(error.headers?.["retry-after"]);
      return {
        kind: "away",
        isUncertain,
        retryAfterSeconds: told > 0 ? told : limits.retryAfterSeconds,
      };
    }
  }

  const webhookPath = (typeformId: string) => `/forms/${typeformId}/webhooks/${TAG}`;
  return {
    findForm: (account, typeformId) =>
      call(account, { method: "GET", path: `/forms/${typeformId}` }),
    putWebhook: (account, typeformId, { url, isEnabled }) =>
      call(account, {
        method: "PUT",
        path: webhookPath(typeformId),
        body: {
          url,
          enabled: isEnabled,
          verify_ssl: true,
          tag: TAG,
          secret: account.secretOf(typeformId),
        },
      }),
    async deleteWebhook(account, typeformId) {
      const outcome = await call(account, { method: "DELETE", path: webhookPath(typeformId) });
      // The form or the webhook is gone: that is what was wanted.
      return outcome.kind === "missing" ? { kind: "done" } : outcome;
    },
  };
}

function outcomeOf({ status, headers }: OutgoingReply): TypeformOutcome {
  if (status < 300) return { kind: "done" };
  switch (status) {
    case 401:
    case 403:
      return { kind: "refused" };
    case 404:
      return { kind: "missing" };
    case 400:
    case 409:
    case 422:
      return { kind: "invalid" };
    case 429:
      return { kind: "limited", retryAfterSeconds: readRetryAfter(headers) };
    default:
      return {
        kind: "away",
        isUncertain: status >= 500,
        retryAfterSeconds: readRetryAfter(headers),
      };
  }
}

function readRetryAfter(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  if (!/^\d{1,9}$/.test(text)) return limits.retryAfterSeconds;
  return Math.min(limits.retryAfterMaxSeconds, Math.max(1, Number(text)));
}
