import { AppError } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { recordLogin, type Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import type { Invalidate } from "../index.ts";
import type { FindPasswordLapse } from "../password/lapse.ts";
import type { Risk } from "../risk/risk.ts";
import type { DeviceInfo } from "./device.ts";
import { locate, makeRoom, openSession, type Caller, type OpenOptions } from "./open.ts";
import { addRisk } from "./store-risk.ts";
import type { Session } from "./store.ts";
import { issueTokens, type TokenOptions, type TokenPair } from "./tokens.ts";

export interface EnterOptions
  extends TokenOptions, Pick<OpenOptions, "policyOf" | "countryOf" | "metrics"> {
  readonly database: Database;
  /** Told of each entry that is the account's own. */
  readonly learn: Risk["learn"];
  readonly invalidate: Invalidate;
  readonly findPasswordLapse: FindPasswordLapse;
  readonly keyRing: OpenOptions["keyRing"] & TokenOptions["keyRing"];
}

/** Somebody who proved enough, however they did it. */
export interface EntryRequest {
  /** As it was when it was judged; with other factors by now there is no entry. */
  readonly account: Account;
  readonly caller: Caller;
  readonly device: DeviceInfo | undefined;
  readonly rememberMe: boolean;
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** More of the same transaction, the account's row being held. False: no entry. */
  readonly within?: (tx: Transaction, account: Account) => Promise<boolean>;
  /** For the audit log; default: `login.success` of the account itself. */
  readonly action?: AuditAction;
  readonly actor?: string;
  readonly reason?: string;
}

/** Whoever proved who they are, and what they carry from now on. */
export interface Grant {
  readonly account: Account;
  readonly session: Session;
  readonly tokens: TokenPair;
}

/**
 * Undefined: what was proven does not hold any more. Throws `conflict` at the session limit, and
 * `password_expired` when the password that was proven has come to its end.
 */
export type Enter = (request: EntryRequest) => Promise<Grant | undefined>;

/** The one way from a proof to a session: limit, session, audit, tokens. */
export function createEnter(options: EnterOptions): Enter {
  return async (asked) => {
    const request = { ...asked, caller: await locate(options, asked.caller) };
    const entered = await options.database.withTransaction((tx) => enter(tx, options, request), {
      revocation: true,
    });
    if (entered === undefined) return undefined;
    // Thrown after the commit: the token that comes with it is to stay.
    if (entered instanceof AppError) throw entered;
    const { account, session, refreshSecret: secret, refreshKey: key } = entered;
    return {
      account,
      session,
      tokens: await issueTokens(options, account, session, { secret, key }),
    };
  };
}

async function enter(tx: Transaction, options: EnterOptions, request: EntryRequest) {
  const { caller, device, rememberMe, amr } = request;
  const account = await recordLogin(tx, request.account.id);
  if (account === undefined || account.factorVersion !== request.account.factorVersion) {
    return undefined;
  }
  if (request.within !== undefined && !(await request.within(tx, account))) return undefined;
  const { id, tenantId } = account;
  const place = placeOf(caller);
  if (amr.includes("pwd")) {
    const lapse = await options.findPasswordLapse(tx, account, place);
    if (lapse !== undefined) return lapse;
  }
  const event = { actor: request.actor ?? id, subject: id, tenantId, ...place };
  for (const sessionId of await makeRoom(tx, options, account)) {
    await recordEvent(tx, { ...event, action: "session.evict", sessionId, reason: "limit" });
  }
  const opened = await openSession(tx, options, account, { caller, device, rememberMe, amr });
  const { action = "login.success", reason } = request;
  await recordEvent(tx, { ...event, action, sessionId: opened.session.id, reason });
  if (request.actor === undefined) {
    const unusual = await options.learn(tx, { account, caller, device }, opened.session.id);
    await addRisk(tx, opened.session.id, unusual);
  }
  return { account, ...opened };
}
