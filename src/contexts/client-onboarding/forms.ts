import { setTimeout } from "node:timers/promises";
import type { Clock } from "../../platform/clock.ts";
import { AppError, platformErrors } from "../../platform/errors.ts";
import { typeformLimits as limits } from "../../platform/limits.ts";
import type { TypeformConnection } from "./connection.ts";
import { onboardingErrors } from "./errors.ts";
import type { TypeformAccount } from "./accounts.ts";
import type { Form, Owner } from "./form.ts";
import type { ChangedForm, FormChange, FormStore, Registration } from "./store-forms.ts";
import type { TypeformOutcome } from "./typeform-client.ts";
import type { WebhookSync } from "./webhook-sync.ts";

export interface FormsOptions {
  readonly store: FormStore;
  readonly clock: Clock;
  /** Undefined: there is no webhook secret. */
  readonly typeform: TypeformConnection | undefined;
}

type Untimed<T> = Omit<T, "now">;

/**
 * Registers and changes forms. The row is written first, with an entry of the outbox; then TypeForm
 * is told. What TypeForm refuses is taken back; what is interrupted the outbox finishes.
 */
export function createForms({ store, clock, typeform }: FormsOptions) {
  const now = () => new Date(clock.nowMs());

  async function carryOut(
    sync: WebhookSync,
    account: TypeformAccount,
    change: () => Promise<ChangedForm>,
  ): Promise<Form> {
    const changed = await patiently(change);
    const outcome = await sync.applyChange(changed.lease, account);
    if (outcome.kind === "done") return changed.form;
    await store.undo(changed, !isUncertain(outcome), now());
    throw failureOf(outcome);
  }

  return {
    /** @throws AppError `form_taken`, `typeform_form_unknown`, and what else TypeForm refuses */
    async register(registration: Untimed<Registration>): Promise<Form> {
      const { client, sync, account } = await connected(typeform, registration.owner);
      const found = await client.findForm(account, registration.typeformId);
      if (found.kind !== "done") throw failureOf(found);
      return carryOut(sync, account, () => store.register({ ...registration, now: now() }));
    },

    /** @throws AppError `not_found`, `permission_denied`, `version_conflict` … */
    async change(change: Untimed<FormChange>): Promise<Form> {
      const { sync, account } = await connected(typeform, change.owner);
      return carryOut(sync, account, () => store.change({ ...change, now: now() }));
    },
  };
}

export type Forms = ReturnType<typeof createForms>;

/** TypeForm, and the key with which it is asked for this owner. */
async function connected(typeform: FormsOptions["typeform"], { tenantId }: Owner) {
  const account = await typeform?.accounts.of(tenantId);
  if (typeform !== undefined && account !== undefined) return { ...typeform, account };
  const name = typeform === undefined ? "TYPEFORM_WEBHOOK_SECRET" : "TYPEFORM_API_KEY";
  throw platformErrors.failure("unavailable", { note: `${name} is not set` });
}

/** Another change of the same form is soon over. */
async function patiently(change: () => Promise<ChangedForm>): Promise<ChangedForm> {
  for (let waitedMs = 0; ; waitedMs += limits.busyPollMs) {
    try {
      return await change();
    } catch (error) {
      const isBusy = error instanceof AppError && error.code === "form_busy";
      if (!isBusy || waitedMs >= limits.busyWaitMs) throw error;
    }
    await setTimeout(limits.busyPollMs);
  }
}

const isUncertain = (outcome: TypeformOutcome) => outcome.kind === "away" && outcome.isUncertain;

/** What the caller is told of a call that did not do what it was to do. */
function failureOf(outcome: TypeformOutcome): AppError {
  switch (outcome.kind) {
    case "missing":
      return onboardingErrors.failure("typeform_form_unknown");
    case "invalid":
      return onboardingErrors.failure("typeform_refused_values");
    case "refused":
      return onboardingErrors.failure("typeform_key_refused");
    case "limited":
      return onboardingErrors.failure("typeform_busy", retryAfter(outcome.retryAfterSeconds));
    case "away":
      return platformErrors.failure("unavailable", {
        note: "TypeForm",
        ...retryAfter(outcome.retryAfterSeconds),
      });
    default:
      return platformErrors.failure("internal", { note: outcome.kind });
  }
}

const retryAfter = (seconds: number) => ({ headers: { "retry-after": String(seconds) } });
