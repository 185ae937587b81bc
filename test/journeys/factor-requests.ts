import { randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { newRecoveryCodes, recoveryCodeDigest } from "../../src/auth/mfa/recovery-codes.ts";
import { issueOneTimeToken } from "../../src/auth/one-time/store.ts";
import { newId } from "../../src/platform/ids.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { createAuthenticator } from "../support/authenticator.ts";
import { PUBLIC_URL, type Callers } from "../support/callers.ts";
import type { Answer, Ask, TestCaller } from "./route-table.ts";

export interface FactorRequestsOptions {
  readonly database: Database;
  readonly callers: Callers;
  readonly ask: (ask: Ask) => Promise<Answer>;
}

/** Good bodies for the routes of second factors, which need a factor, or a login that waits for one. */
export function createFactorRequests({ database, callers, ask }: FactorRequestsOptions) {
  async function giveCode(accountId: string): Promise<string> {
    const code = newRecoveryCodes()[0]!;
    await database.query(sql`
      INSERT INTO auth.recovery_codes (digest, account_id)
      VALUES (${recoveryCodeDigest(code)!}, ${accountId})`);
    // Wrong texts use the budget up, and are another test's business.
    await database.query(sql`DELETE FROM auth.throttle_budgets WHERE key LIKE 'otp%'`);
    return code;
  }

  async function pendingLogin(isEnrol: boolean) {
    const { id: accountId } = await callers.makeCaller();
    const data = { amr: ["pwd"], rememberMe: false, factorVersion: 0, isEnrol };
    const token = await issueOneTimeToken(database, {
      purpose: "mfa.challenge",
      accountId,
      seconds: 300,
      data,
    });
    return { accountId, token };
  }

  const makeTotp = (accountId: string) =>
    database.query(sql`
      INSERT INTO auth.totp (account_id, sealed, last_step) VALUES (${accountId}, 'x', 0)
      ON CONFLICT DO NOTHING`);

  async function shownCode(token: string): Promise<string> {
    const shown = await ask({ method: "POST", path: "/auth/mfa/totp", token });
    return new TOTP({ secret: Secret.fromBase32(shown.body.secret) }).generate();
  }

  async function attestationOf(token: string) {
    const options = await ask({ method: "POST", path: "/auth/mfa/passkeys/options", token });
    const authenticator = createAuthenticator({ origin: PUBLIC_URL });
    // Who has one has to step up for the next one, and is refused.
    const nothing = { rp: { id: "brigade.test" }, user: { id: "AA" }, challenge: "AA" };
    const wanted = options.status === 200 ? options.body : nothing;
    return { authenticator, attestation: authenticator.create(wanted) };
  }

  async function assertionOf() {
    const caller = await callers.makeCaller();
    const { accessToken: token } = await callers.openTokens(caller);
    const { authenticator, attestation } = await attestationOf(token);
    const body = { name: "Phone", attestation };
    await ask({ method: "POST", path: "/auth/mfa/passkeys", token, body });
    const options = await ask({ method: "POST", path: "/auth/login/passkey/options" });
    return authenticator.get(options.body);
  }

  const bodies: Record<string, (caller: TestCaller) => Promise<object>> = {
    "POST /auth/login/passkey": async () => ({ assertion: await assertionOf() }),
    "POST /auth/mfa/challenge": async () => {
      const { accountId, token } = await pendingLogin(false);
      const code = await giveCode(accountId);
      return { challenge_token: token, method: "recovery_code", code };
    },
    "POST /auth/mfa/challenge/options": async () => ({
      challenge_token: (await pendingLogin(false)).token,
    }),
    "POST /auth/mfa/challenge/totp": async () => ({
      challenge_token: (await pendingLogin(true)).token,
    }),
    "PUT /auth/mfa/totp": async ({ token }) => ({ code: await shownCode(token) }),
    "POST /auth/mfa/passkeys": async ({ token }) => ({
      name: "Phone",
      attestation: (await attestationOf(token)).attestation,
    }),
    "POST /auth/step-up": async ({ id }) => ({
      method: "recovery_code",
      code: await giveCode(id),
    }),
  };
  /** What a route without a body needs to find. */
  const needs: Record<string, (caller: TestCaller) => Promise<unknown>> = {
    "DELETE /auth/mfa/totp": ({ id }) => makeTotp(id),
    "POST /auth/mfa/recovery-codes": ({ id }) => makeTotp(id),
  };

  return {
    /** Undefined: the route is none of these. */
    async body(label: string, caller: TestCaller): Promise<object | undefined> {
      await needs[label]?.(caller);
      return bodies[label]?.(caller);
    },
    async passkeyId({ id: accountId }: TestCaller): Promise<string> {
      const id = newId();
      await database.query(sql`
        INSERT INTO auth.passkeys
          (id, account_id, credential_id, public_key, sign_count, synced, name)
        VALUES (${id}, ${accountId}, ${id}, ${randomBytes(77)}, 0, false, 'Phone')`);
      return id;
    },
    async trustedDeviceId({ id: accountId }: TestCaller): Promise<string> {
      const id = newId();
      await database.query(sql`
        INSERT INTO auth.trusted_devices (id, account_id, digest, expires_at)
        VALUES (${id}, ${accountId}, ${randomBytes(32)}, now() + interval '1 day')`);
      return id;
    },
  };
}
