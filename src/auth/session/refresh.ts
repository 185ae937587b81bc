import { createHash, timingSafeEqual } from "node:crypto";
import { platformErrors } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { findAccountById } from "../accounts/store.ts";
import type { Alerts } from "../alerts/alerts.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { networkFault } from "../network/rules.ts";
import { deviceDigestOf, type DeviceInfo } from "./device.ts";
import type { Grant } from "./enter.ts";
import { changesOf, describeChanges, seenPlaceOf } from "./changes.ts";
import type { Caller, OpenOptions } from "./open.ts";
import { endForNetwork, endMisused, recordForeignDevice, type Misuse } from "./refresh-misuse.ts";
import { isAuthentic, parseRefreshToken, type ParsedRefreshToken } from "./refresh-token.ts";
import { findRefreshProof, rotate, type RefreshProof, type Rotation } from "./store-refresh.ts";
import type { Session } from "./store.ts";
import { issueTokens, type TokenOptions } from "./tokens.ts";

export interface RefreshOptions extends TokenOptions, Pick<OpenOptions, "policyOf" | "countryOf"> {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly keyRing: KeyRing;
  readonly metrics: Metrics;
  readonly alerts: Pick<Alerts, "toOwner">;
}

export interface RefreshRequest {
  readonly refreshToken: string;
  readonly device: DeviceInfo | undefined;
  readonly caller: Caller;
}

export type Refresh = (request: RefreshRequest) => Promise<Grant>;

/*
 * A session's refresh tokens are numbered. Its row holds the number of the present one:
 *
 *   present number          → the next number; its token is the answer
 *   the one before, within  → nothing changes; the answer is the present token again, a few times:
 *   the grace time            the first answer may have been lost on its way
 *   any other lower number  → somebody has a copy: the session ends, `refresh.reuse`
 *   a higher number         → the database was restored to an older state: the session ends,
 *                             `refresh.ahead`
 *
 * A use from another network, country or program is kept as a flag of the session and written into
 * the audit log. It ends nothing, unless the tenant binds sessions to their network. From where the
 * tenant lets nobody in there is no refresh either; the session lives on elsewhere.
 *
 * A token is proven before the row is touched, so only a real one can end anything. Every refusal
 * but that of another device has the same bytes.
 */

/** Throws `refresh_token_invalid`, `device_mismatch`, `network_blocked`. */
export function createRefresh(options: RefreshOptions): Refresh {
  const outcomes = createOutcomes(options.metrics);
  // Tabs of one browser refresh with one token at one moment: they share one rotation, and use up
  // none of the retries.
  const flights = new Map<string, Promise<Grant>>();

  async function refresh({ refreshToken, device, caller }: RefreshRequest): Promise<Grant> {
    const token = parseRefreshToken(refreshToken);
    const proof = token && (await proofOf(options, token));
    if (token === undefined || proof === undefined) {
      outcomes.invalid.add();
      throw authErrors.failure("refresh_token_invalid");
    }
    const misuse: Misuse = { token, proof, caller };
    if (!isSameDevice(proof, device)) {
      outcomes.device.add();
      await recordForeignDevice(options, misuse);
      throw authErrors.failure("device_mismatch");
    }
    const seen = await seenPlaceOf(caller, options.countryOf);
    const flags = changesOf(proof.seen, seen);
    const { network, sessions } = await options.policyOf(proof.tenantId);
    const fault = networkFault(network, caller.address, seen.country);
    if (fault !== undefined) {
      outcomes.network.add();
      throw authErrors.failure("network_blocked", { note: `tenant rule: ${fault}` });
    }
    if (sessions.strictNetwork && flags.includes("network_changed")) {
      outcomes.network.add();
      await endForNetwork(options, misuse, describeChanges(proof.seen, seen));
      throw authErrors.failure("refresh_token_invalid", { note: "another network" });
    }
    const session = await rotateAndRecord(options, misuse, {
      sessionId: token.sessionId,
      counter: token.counter,
      refreshKid: options.keyRing.refreshKey().kid,
      deviceDigest: proof.deviceDigest,
      seen,
      flags,
    });
    if (session === undefined) {
      const reason = await endMisused(options, misuse, seen.country);
      outcomes[reason ?? "invalid"].add();
      throw authErrors.failure("refresh_token_invalid", { note: reason ?? "the session is over" });
    }
    outcomes.success.add();
    return await grantOf(options, session, proof);
  }

  return (request) => {
    const key = flightKey(request);
    const flying = flights.get(key);
    if (flying !== undefined) return flying;
    const flight = refresh(request).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
}

function flightKey({ refreshToken, device, caller }: RefreshRequest): string {
  // Hashed: a map of live tokens should not be found in a heap dump.
  return createHash("sha256")
    .update(
      JSON.stringify([refreshToken, device?.secret ?? null, caller.address, caller.userAgent]),
    )
    .digest("base64url");
}

/** The row's half of the proof, when the token is a real one of a live session. */
async function proofOf(
  { database, keyRing }: RefreshOptions,
  token: ParsedRefreshToken,
): Promise<RefreshProof | undefined> {
  const key = keyRing.refreshKey(token.kid);
  if (key === undefined) return undefined;
  const proof = await findRefreshProof(database, token.sessionId);
  return proof !== undefined && isAuthentic(token, proof.refreshSecret, key) ? proof : undefined;
}

function isSameDevice({ deviceDigest }: RefreshProof, device: DeviceInfo | undefined): boolean {
  if (deviceDigest === undefined) return true;
  const given = deviceDigestOf(device);
  return given !== undefined && timingSafeEqual(given, deviceDigest);
}

/** A change of place is written down in the transaction of the refresh that shows it. */
async function rotateAndRecord(
  { database }: RefreshOptions,
  { proof, caller }: Misuse,
  rotation: Rotation,
): Promise<Session | undefined> {
  const { flags, seen, sessionId } = rotation;
  if (flags.length === 0) return rotate(database, rotation);
  return database.withTransaction(async (tx) => {
    const session = await rotate(tx, rotation);
    if (session === undefined) return undefined;
    await recordEvent(tx, {
      action: "session.changed",
      subject: proof.accountId,
      tenantId: proof.tenantId,
      sessionId,
      reason: describeChanges(proof.seen, seen),
      ...placeOf({ ...caller, country: seen.country }),
    });
    return session;
  });
}

/** Everything follows from what the row says now, so each process derives the same successor. */
async function grantOf(
  options: RefreshOptions,
  session: Session,
  { refreshSecret: secret, accountId, tenantId }: RefreshProof,
): Promise<Grant> {
  const key = options.keyRing.refreshKey(session.refreshKid);
  // Another process rotated with a key that we have not loaded yet: the token is good later.
  if (key === undefined) throw platformErrors.failure("unavailable", { note: "key not loaded" });
  const [tokens, account] = await Promise.all([
    issueTokens(options, { id: accountId, tenantId }, session, { secret, key }),
    findAccountById(options.database, accountId),
  ]);
  if (account === undefined) throw authErrors.failure("refresh_token_invalid", { note: "gone" });
  return { account, session, tokens };
}

function createOutcomes(metrics: Metrics) {
  const counter = (outcome: string) =>
    metrics.counter("brigade_auth_refreshes_total", "Uses of refresh tokens", { outcome });
  return {
    success: counter("success"),
    invalid: counter("invalid"),
    device: counter("device_mismatch"),
    reused: counter("reused"),
    ahead: counter("ahead"),
    network: counter("network"),
  };
}
