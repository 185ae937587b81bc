import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { ConfigError, readConfig } from "../../src/platform/config.ts";

const KEY = "tfp_some-key-of-typeform";
const SECRET = "twenty bytes at least";
const PRODUCTION = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://localhost/x",
  PUBLIC_URL: "https://api.example.com",
  KEY_ENCRYPTION_KEYS: `a:${randomBytes(32).toString("base64")}`,
};

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig({ NODE_ENV: "test", ...env });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
}

test("TypeForm is not asked until there is a key, and its deliveries not taken until a secret", () => {
  const { typeform, onboardingRetentionDays } = readConfig({ NODE_ENV: "test" });
  assert.deepEqual(typeform, {
    apiKey: undefined,
    apiUrl: "https://api.typeform.com",
    webhookSecrets: [],
    webhookUrl: undefined,
  });
  assert.equal(onboardingRetentionDays, 365);
});

test("the present secret stands before the previous one", () => {
  const { typeform } = readConfig({
    NODE_ENV: "test",
    TYPEFORM_API_KEY: KEY,
    TYPEFORM_WEBHOOK_SECRET: SECRET,
    TYPEFORM_WEBHOOK_SECRET_PREVIOUS: `${SECRET}, before`,
  });
  assert.deepEqual(typeform.webhookSecrets, [SECRET, `${SECRET}, before`]);
});

test("a short secret, a key without a secret, and an open way to TypeForm are refused", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ TYPEFORM_WEBHOOK_SECRET: "nineteen bytes only" }, /^TYPEFORM_WEBHOOK_SECRET must have/],
    [
      { TYPEFORM_WEBHOOK_SECRET: SECRET, TYPEFORM_WEBHOOK_SECRET_PREVIOUS: "short" },
      /^TYPEFORM_WEBHOOK_SECRET_PREVIOUS must have/,
    ],
    [{ TYPEFORM_WEBHOOK_SECRET_PREVIOUS: SECRET }, /PREVIOUS goes with TYPEFORM_WEBHOOK_SECRET/],
    [{ TYPEFORM_API_KEY: KEY }, /^TYPEFORM_WEBHOOK_SECRET is required with TYPEFORM_API_KEY/],
    [{ TYPEFORM_API_KEY: "a key", TYPEFORM_WEBHOOK_SECRET: SECRET }, /^TYPEFORM_API_KEY must/],
    [{ TYPEFORM_WEBHOOK_URL: "ftp://x" }, /^TYPEFORM_WEBHOOK_URL must/],
    [{ TYPEFORM_API_URL: "x" }, /^TYPEFORM_API_URL must/],
    [{ ONBOARDING_RETENTION_DAYS: "0" }, /^ONBOARDING_RETENTION_DAYS must/],
    [
      { ...PRODUCTION, TYPEFORM_API_URL: "http://typeform.example.com" },
      /https:\/\/ in production/,
    ],
  ];
  for (const [env, fault] of cases) {
    const faults = faultsOf(env);
    assert.equal(faults.length, 1, faults.join("; "));
    assert.match(faults[0]!, fault);
  }
  assert.deepEqual(faultsOf({ ...PRODUCTION, TYPEFORM_API_URL: "http://127.0.0.1:9" }), []);
});
