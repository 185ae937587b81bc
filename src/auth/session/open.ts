import { randomBytes } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { sessionLimits as limits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import type { Invalidate } from "../index.ts";
import type { KeyRing, RefreshKey } from "../keys/key-ring.ts";
import type { CountryOf } from "../network/country.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { seenPlaceOf } from "./changes.ts";
import { describeDevice, deviceDigestOf, type DeviceInfo } from "./device.ts";
import { createSessionMetrics } from "./metrics.ts";
import { endSessions } from "./store-end.ts";
import { insertSession, listSessions, type Session } from "./store.ts";

/** Where a request comes from. */
export interface Caller {
  readonly address: string;
  readonly userAgent: string;
  readonly requestId: string;
  /** ISO 3166 alpha-2 of the address, when it was looked up. */
  readonly country?: string | undefined;
  /** What the device calls itself, when it said so. */
  readonly device?: string | undefined;
}

export interface SessionRequest {
  readonly caller: Caller;
  readonly device: DeviceInfo | undefined;
  readonly rememberMe: boolean;
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[];
}

/** A session and what its refresh tokens are made of. */
export interface OpenedSession {
  readonly session: Session;
  readonly refreshSecret: Buffer;
  readonly refreshKey: RefreshKey;
}

export interface OpenOptions {
  readonly keyRing: Pick<KeyRing, "refreshKey">;
  readonly policyOf: PolicyOf;
  readonly clock: Clock;
  readonly countryOf: CountryOf;
  readonly metrics: Metrics;
}

/**
 * The caller with its country. To be called before the transaction that opens the session: nobody
 * should hold rows while a file is read.
 */
export async function locate(
  { countryOf }: Pick<OpenOptions, "countryOf">,
  caller: Caller,
): Promise<Caller> {
  return caller.country === undefined
    ? { ...caller, country: await countryOf(caller.address) }
    : caller;
}

/** Opens a session of an account by the policy of its tenant, in the caller's transaction. */
export async function openSession(
  tx: Transaction,
  { keyRing, policyOf, clock, countryOf, metrics }: OpenOptions,
  account: Pick<Account, "id" | "tenantId">,
  { caller, device, rememberMe, amr }: SessionRequest,
): Promise<OpenedSession> {
  const refreshKey = keyRing.refreshKey();
  const refreshSecret = randomBytes(limits.refreshSecretBytes);
  const policy = (await policyOf(account.tenantId)).sessions;
  const factor = rememberMe ? limits.rememberMeAbsoluteFactor : 1;
  const session = await insertSession(tx, {
    id: newId(clock),
    accountId: account.id,
    tenantId: account.tenantId,
    refreshKid: refreshKey.kid,
    refreshSecret,
    deviceDigest: deviceDigestOf(device),
    device: describeDevice(device, caller.userAgent),
    ...(await seenPlaceOf(caller, countryOf)),
    amr,
    idleSeconds: rememberMe ? policy.rememberMeSeconds : policy.idleSeconds,
    absoluteSeconds: policy.absoluteSeconds * factor,
  });
  tx.afterCommit(createSessionMetrics(metrics).opened);
  return { session, refreshSecret, refreshKey };
}

/**
 * Makes room for one more session. The caller holds the account's row, so that two logins do not
 * both find the last place. `evict` ends those not used for longest and returns them; `refuse`
 * throws `conflict` (409).
 */
export async function makeRoom(
  tx: Transaction,
  options: Pick<OpenOptions, "policyOf" | "metrics"> & { readonly invalidate: Invalidate },
  { id: accountId, tenantId }: Pick<Account, "id" | "tenantId">,
): Promise<string[]> {
  const { policyOf, invalidate, metrics } = options;
  const policy = (await policyOf(tenantId)).sessions;
  const live = await listSessions(tx, accountId);
  const surplus = live.slice(policy.perAccount - 1);
  if (surplus.length === 0) return [];
  if (policy.atLimit === "refuse") {
    throw platformErrors.failure("conflict", {
      detail: "The account has as many sessions as it may have; end one of them first",
    });
  }
  const evicted: string[] = [];
  for (const { id } of surplus) {
    const ended = await endSessions(tx, { accountId, sessionId: id }, "evicted", metrics);
    evicted.push(...ended.map((session) => session.id));
  }
  invalidate(
    tx,
    evicted.map((id) => ({ kind: "session" as const, id })),
  );
  return evicted;
}
