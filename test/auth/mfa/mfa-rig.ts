import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Secret } from "otpauth";
import { systemClock } from "../../../src/platform/clock.ts";
import { sql } from "../../../src/platform/sql.ts";
import { registerSomebody, startApp, type AppOptions, type TestApp } from "../accounts-rig.ts";

/** A clock that goes as the system's, and can be set ahead. */
export function createAheadClock() {
  let ahead = 0;
  return {
    nowMs: () => systemClock.nowMs() + ahead,
    nowSeconds: () => Math.floor((systemClock.nowMs() + ahead) / 1000),
    monotonicMs: () => systemClock.monotonicMs(),
    goAhead(seconds: number) {
      ahead += seconds * 1000;
    },
    /** Between tests: the database's clock has not moved. */
    goBack() {
      ahead = 0;
    },
  };
}

export type MfaApp = Awaited<ReturnType<typeof startMfaApp>>;

/** The application with a clock of its own, so that each code has a time step of its own. */
export async function startMfaApp(options: AppOptions) {
  const clock = createAheadClock();
  const app = await startApp({ clock, ...options });
  return { ...app, clock };
}

/** The code an app shows for this secret now, or some steps from now. */
export function codeOf(app: MfaApp, secret: string, steps = 0): string {
  const counter = Math.floor(app.clock.nowMs() / 30_000) + steps;
  const moving = Buffer.alloc(8);
  moving.writeBigUInt64BE(BigInt(counter));
  const key = Buffer.from(Secret.fromBase32(secret).buffer);
  const mac = createHmac("sha1", key).update(moving).digest();
  const number = (mac.readUInt32BE(mac[19]! & 15) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

/** A code that is wrong whatever the time is. */
export function wrongCode(app: MfaApp, secret: string): string {
  const right = new Set([-2, -1, 0, 1, 2].map((steps) => codeOf(app, secret, steps)));
  for (let number = 0; ; number++) {
    const code = String(number).padStart(6, "0");
    if (!right.has(code)) return code;
  }
}

/** Moves to a step whose code was not taken yet. */
export function nextCode(app: MfaApp, secret: string): string {
  app.clock.goAhead(30);
  return codeOf(app, secret);
}

export type Person = Awaited<ReturnType<typeof registerSomebody>>;

/** Sets up a code generator for somebody who is logged in. */
export async function enrolTotp(app: MfaApp, token: string) {
  const shown = await app.call("POST", "/auth/mfa/totp", { token });
  assert.equal(shown.status, 200, shown.text);
  const secret = shown.body.secret as string;
  const body = { code: nextCode(app, secret) };
  const added = await app.call("PUT", "/auth/mfa/totp", { token, body });
  assert.equal(added.status, 200, added.text);
  return { secret, recoveryCodes: added.body.recovery_codes as string[] };
}

/** Somebody with a code generator. */
export async function registerWithTotp(app: MfaApp) {
  const person = await registerSomebody(app);
  return { ...person, ...(await enrolTotp(app, person.access_token)) };
}

export const login = (app: TestApp, person: Person, extra: Record<string, unknown> = {}) =>
  app.call("POST", "/auth/login", {
    body: { email: person.email, password: person.password, ...extra },
  });

/** Logs in as far as the question for a second factor. */
export async function challengeOf(
  app: TestApp,
  person: Person,
  extra: Record<string, unknown> = {},
): Promise<string> {
  const answer = await login(app, person, extra);
  assert.equal(answer.status, 401, answer.text);
  assert.equal(answer.body.error_code, "mfa_required");
  return answer.body.challenge_token as string;
}

export const complete = (app: TestApp, body: Record<string, unknown>, address?: string) =>
  app.call("POST", "/auth/mfa/challenge", {
    body,
    ...(address === undefined ? {} : { address }),
  });

/** Sets what the default tenant decides, and lets the application know. */
export async function setPolicy(app: TestApp, policy: object): Promise<void> {
  await app.database.withTransaction(async (tx) => {
    await tx.query(sql`UPDATE auth.tenants SET policy = ${JSON.stringify(policy)}::jsonb`);
    app.invalidate(tx, [{ kind: "policies" }]);
  });
}

export const auditOf = async (app: TestApp, accountId: string) =>
  (
    await app.database.query<{ action: string; reason: string | null; actor: string | null }>(sql`
      SELECT action, reason, actor FROM auth.audit_log WHERE subject = ${accountId}
       ORDER BY number`)
  ).rows;
