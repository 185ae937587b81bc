import type { Clock } from "../../platform/clock.ts";
import { alertLimits, riskLimits } from "../../platform/limits.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import type { Alerts } from "../alerts/alerts.ts";
import { placeOf } from "../audit/place.ts";
import { hadEvent } from "../audit/store-recent.ts";
import { recordEvent } from "../audit/store.ts";
import { newLoginMail } from "../mail/security-mails.ts";
import type { CountryOf } from "../network/country.ts";
import { describeDevice, deviceDigestOf, type DeviceInfo } from "../session/device.ts";
import { ALLOW, type LoginGate } from "../session/login-gate.ts";
import type { Caller } from "../session/open.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { networkOf } from "../throttle/network.ts";
import { assessLogin, WEIGHTS, type Assessment, type Login, type Signal } from "./signals.ts";
import { rememberDevice } from "./store-devices.ts";
import { learnLogin, loadHistory } from "./store.ts";

export interface RiskOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, "nowMs">;
  readonly policyOf: PolicyOf;
  readonly countryOf: CountryOf;
  readonly alerts: Alerts;
}

/** Somebody who is let in. */
export interface Entry {
  readonly account: Account;
  readonly caller: Caller;
  readonly device: DeviceInfo | undefined;
}

export interface Risk {
  /** Asks for a second factor or refuses by the tenant's scores. */
  readonly gate: LoginGate;
  /**
   * Records what was unusual about a login, tells the owner of a new device or country, and adds
   * the login to what is usual; in the transaction that opens the session. Tells what was unusual.
   */
  learn(tx: Transaction, entry: Entry, sessionId: string): Promise<readonly Signal[]>;
}

type Asker = Transaction | Pick<Database, "query">;

/** How unusual a login is for its account, as a score with reasons. */
export function createRisk(options: RiskOptions): Risk {
  const { database, policyOf, metrics } = options;
  const seen = createSignalCounters(metrics);
  return {
    async gate(attempt) {
      const { risk } = await policyOf(attempt.account.tenantId);
      if (Math.min(risk.challengeScore, risk.refuseScore) > 100) return ALLOW;
      const { assessment } = await assess(options, database, attempt);
      const { score, signals } = assessment;
      if (score >= risk.refuseScore) {
        return { kind: "refuse", code: "login_refused", reason: reasonOf(assessment) };
      }
      return score >= risk.challengeScore
        ? { kind: "challenge", reasons: signals, withoutFactor: "allow" }
        : ALLOW;
    },
    async learn(tx, entry, sessionId) {
      const { account, caller, device } = entry;
      const { assessment, login } = await assess(options, tx, entry);
      if (assessment.signals.length > 0) {
        for (const signal of assessment.signals) seen[signal].add();
        await recordEvent(tx, {
          action: "login.anomaly",
          actor: account.id,
          subject: account.id,
          tenantId: account.tenantId,
          sessionId,
          reason: reasonOf(assessment),
          ...placeOf(caller),
          country: login.country,
        });
        await tellOwner(options, tx, entry, assessment, login);
      }
      const digest = deviceDigestOf(device);
      if (digest !== undefined) await rememberDevice(tx, account.id, digest);
      await learnLogin(tx, account.id, login);
      return assessment.signals;
    },
  };
}

async function assess(
  { database, clock, countryOf }: RiskOptions,
  asker: Asker,
  { account, caller, device }: Entry,
): Promise<{ assessment: Assessment; login: Login }> {
  const login = {
    nowMs: clock.nowMs(),
    country: caller.country ?? (await countryOf(caller.address)),
    agent: describeDevice(undefined, caller.userAgent),
  };
  const reading = loadHistory(asker, {
    accountId: account.id,
    device: deviceDigestOf(device),
    network: networkOf(caller.address),
  });
  // A transaction has one connection, which answers one question after the other.
  if (asker !== database) await reading;
  const [history, hadReuse] = await Promise.all([
    reading,
    hadEvent(asker, account.id, "refresh.reuse", riskLimits.reuseSeconds),
  ]);
  return { assessment: assessLogin({ ...history, hadReuse }, login), login };
}

/** `score 55, trust 0: new_device, new_country`, for people who read the log. */
function reasonOf({ score, trust, signals }: Assessment): string {
  return `score ${score}, trust ${trust}: ${signals.join(", ")}`;
}

async function tellOwner(
  { alerts }: RiskOptions,
  tx: Transaction,
  { account, caller }: Entry,
  { signals }: Assessment,
  { country }: Login,
): Promise<void> {
  if (!alertLimits.ownerSignals.some((signal) => signals.includes(signal as Signal))) return;
  const { device, network } = placeOf(caller);
  const { language, name } = account;
  await alerts.toOwner(tx, "new_login", account, (suppressed) =>
    newLoginMail({
      language,
      name,
      place: { device, network, country },
      suppressed,
    }),
  );
}

function createSignalCounters(metrics: Metrics): Readonly<Record<Signal, Counter>> {
  const counters = Object.keys(WEIGHTS).map((kind) => [
    kind,
    metrics.counter("brigade_auth_suspicious_total", "Suspicious things that were seen", { kind }),
  ]);
  return Object.fromEntries(counters) as Record<Signal, Counter>;
}
