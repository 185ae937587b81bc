import type { Clock } from "../../platform/clock.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import { seal, unseal } from "../keys/envelope.ts";
import type { SealingKeys } from "../keys/sealing-keys.ts";
import { totpContext } from "./sealing.ts";
import { confirmEnrolment, findEnrolment, saveEnrolment } from "./store-totp.ts";
import { matchTotp, newTotpSecret, totpSecretText, totpUri } from "./totp.ts";

export interface EnrolTotpOptions {
  readonly database: Database;
  readonly sealingKeys: SealingKeys;
  readonly clock: Clock;
  /** Draws an SVG, elsewhere: it costs more than a request may hold a thread. */
  readonly drawQr: (text: string, signal?: AbortSignal) => Promise<string>;
}

/** What an authenticator app takes in: by camera, by link, or typed. */
export interface ShownTotp {
  readonly secret: string;
  readonly uri: string;
  readonly qrSvg: string;
}

/** A first code that was right. */
export interface ConfirmedTotp {
  /** Makes it the account's generator. False: another request did, or replaced it. */
  use(tx: Transaction): Promise<boolean>;
}

export interface EnrolTotp {
  /** `owner`: the session or the login that may confirm it. */
  show(account: Account, owner: string, signal?: AbortSignal): Promise<ShownTotp>;
  /** Undefined: a wrong code, or nothing was shown to this owner. */
  check(account: Account, owner: string, code: string): Promise<ConfirmedTotp | undefined>;
}

/** Sets up code generators; none counts before its first code came. */
export function createEnrolTotp(options: EnrolTotpOptions): EnrolTotp {
  const { database, sealingKeys, clock, drawQr } = options;
  return {
    async show({ id, email }, owner, signal) {
      const secret = newTotpSecret();
      const uri = totpUri(secret, "Brigade", email);
      const qrSvg = await drawQr(uri, signal);
      const sealed = seal(secret, await sealingKeys(), totpContext(id));
      await saveEnrolment(database, { accountId: id, owner, sealed });
      return { secret: totpSecretText(secret), uri, qrSvg };
    },
    async check({ id }, owner, code) {
      const sealed = await findEnrolment(database, id, owner);
      if (sealed === undefined) return undefined;
      const secret = unseal(sealed, await sealingKeys(), totpContext(id));
      const step = matchTotp(secret, code, clock.nowMs());
      if (step === undefined) return undefined;
      return { use: (tx) => confirmEnrolment(tx, id, sealed, step) };
    },
  };
}
