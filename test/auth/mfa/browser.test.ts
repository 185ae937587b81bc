import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { withDatabase } from "../../support/database.ts";
import { freePort, startServer } from "../../support/server.ts";

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed`;

/** Text, because the page knows nothing of what runs these tests. */
const IN_THE_PAGE = `(async () => {
  const send = async (path, body, token) => {
    const headers = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token !== undefined) headers["authorization"] = "Bearer " + token;
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(path, { method: "POST", headers, ...sent });
    return { status: response.status, body: await response.json() };
  };
  const person = { email: "browser@example.com", password: "four plates of rice" };
  const registered = await send("/auth/register", person);
  const token = registered.body.access_token;
  const creation = await send("/auth/mfa/passkeys/options", undefined, token);
  const made = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(creation.body),
  });
  const body = { name: "Browser", attestation: made.toJSON() };
  const added = await send("/auth/mfa/passkeys", body, token);
  const sign = async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  };
  const first = await send("/auth/login/passkey/options");
  const login = await send("/auth/login/passkey", { assertion: await sign(first.body) });
  const asked = await send("/auth/login", person);
  const { challenge_token } = asked.body;
  const second = await send("/auth/mfa/challenge/options", { challenge_token });
  const assertion = await sign(second.body);
  const completed = await send("/auth/mfa/challenge", {
    challenge_token,
    method: "passkey",
    assertion,
  });
  return { added, login, asked, completed };
})()`;

test(
  "a browser's authenticator registers, logs in, and is a second factor",
  { skip },
  async (t) => {
    const database = await withDatabase();
    const port = String(await freePort());
    const url = `http://localhost:${port}`;
    const server = await startServer({
      databaseUrl: database.url,
      env: { PORT: port, PUBLIC_URL: url, HOST: "127.0.0.1" },
    });
    t.after(async () => {
      await server.stop();
      await database.drop();
    });
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    t.after(() => browser.close());
    const page = await browser.newPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    // Any page of ours: what is run in it has our origin.
    await page.goto(`${url}/docs/`);

    const outcome = (await page.evaluate(IN_THE_PAGE)) as Record<
      string,
      { status: number; body: any }
    >;

    assert.equal(outcome["added"]!.status, 201, JSON.stringify(outcome["added"]!.body));
    assert.equal(outcome["login"]!.status, 200, JSON.stringify(outcome["login"]!.body));
    assert.deepEqual(outcome["asked"]!.body.methods, ["passkey", "recovery_code"]);
    assert.equal(outcome["completed"]!.status, 200, JSON.stringify(outcome["completed"]!.body));
    assert.equal(outcome["completed"]!.body.user.email, "browser@example.com");
  },
);
