/** The programs of `docs/examples/`, run as their first lines say, against a user pool on loopback. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { startDevIssuer, type DevIssuer } from "../src/cli/dev-issuer/start.ts";
import { startTokenServer } from "./support/token-server.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PASSWORD = "Str0ng-enough!";

let issuer: DevIssuer;
before(async () => {
  issuer = await startDevIssuer({
    port: 0,
    clientSecret: "the secret of the examples",
    users: [
      { email: "ann@dev.example", password: PASSWORD, groups: ["admin", "cooks"] },
      { email: "bob@dev.example", password: PASSWORD, groups: ["cooks"] },
    ],
  });
});
after(() => issuer?.stop());

const environment = () => ({
  PATH: process.env["PATH"],
  COGNITO_USER_POOL_ID: issuer.poolId,
  COGNITO_CLIENT_ID: `${issuer.clientId},${issuer.publicClientId}`,
  COGNITO_CLIENT_SECRET: issuer.clientSecret,
  COGNITO_DOMAIN: issuer.url,
  COGNITO_ENDPOINT: issuer.url,
});

const tried = new Set<string>();

/** What the runner has built, and the sources where nobody has. */
const conditions = process.env["BRIGADE_TEST_BUILT"] === "1" ? [] : ["--conditions=brigade-source"];

function start(name: string, words: readonly string[] = [], env: object = {}) {
  tried.add(name);
  const child = spawn(
    process.execPath,
    [...conditions, "--import", "tsx", `docs/examples/${name}.ts`, ...words],
    { cwd: ROOT, env: { ...environment(), ...env } },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  return { child, output: () => output };
}

async function run(name: string, words: readonly string[] = [], input = "", env: object = {}) {
  const { child, output } = start(name, words, env);
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number];
  return { code, output: output() };
}

/** Runs a server until the end of the test; its address is the first line it writes. */
async function serve(name: string, body: (url: string) => Promise<void>): Promise<void> {
  const { child, output } = start(name);
  try {
    while (!output().includes("\n")) {
      await Promise.race([once(child.stdout, "data"), once(child, "close")]);
      assert.equal(child.exitCode, null, output());
    }
    await body(output().split("\n")[0]!);
  } finally {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
}

const ask = async (url: string, token?: string) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

const subjectOf = (email: string) => issuer.users.find((user) => user.email === email)!.sub;

test("an API is called with one token for all calls, and once more when it was taken back", async () => {
  const seen: (string | undefined)[] = [];
  const api = await startTokenServer(({ authorization }) => {
    seen.push(authorization);
    return seen.length === 1 ? { status: 401 } : { body: { orders: 2 } };
  });
  const { code, output } = await run("call-an-api", [api.url, "brigade/read"]);
  await api.stop();
  assert.equal(code, 0, output);
  const { answers, tokens } = JSON.parse(output) as { answers: unknown[]; tokens: number };
  assert.deepEqual(answers, [{ orders: 2 }, { orders: 2 }, { orders: 2 }]);
  assert.equal(tokens, 2);
  const [first] = seen;
  const claims = Buffer.from(first!.split(".")[1]!, "base64url").toString();
  assert.match(claims, /"scope":"brigade\/read"/);
});

test("one command says who holds a token", async () => {
  const good = await run("who-is-it", [await issuer.token({ user: "ann@dev.example" })]);
  assert.equal(good.code, 0, good.output);
  const user = JSON.parse(good.output) as Record<string, unknown>;
  assert.equal(user["user_id"], subjectOf("ann@dev.example"));
  assert.equal(user["is_administrator"], true);
  const bad = await run("who-is-it", ["garbage"]);
  assert.deepEqual([bad.code, bad.output.trim()], [1, "token_invalid: it is not good here"]);
});

test("a server of node:http lets in administrators and nobody else", async () => {
  await serve("protect-node-http", async (url) => {
    const good = await ask(url, await issuer.token({ user: "ann@dev.example" }));
    assert.deepEqual(
      [good.status, good.body["user_id"], good.body["kitchen"]],
      [200, subjectOf("ann@dev.example"), "open"],
    );
    for (const token of [undefined, "garbage", await issuer.token({ user: "bob@dev.example" })]) {
      const { status, body } = await ask(url, token);
      assert.deepEqual([status, body], [401, { detail: "Invalid token" }]);
    }
  });
});

test("a Fastify server shows its routes who is calling", async () => {
  await serve("protect-fastify", async (url) => {
    assert.equal((await ask(`${url}/open`)).status, 200);
    const token = await issuer.token({ user: "bob@dev.example" });
    assert.deepEqual(await ask(`${url}/protected`, token), {
      status: 200,
      body: { user_id: subjectOf("bob@dev.example"), groups: ["cooks"] },
    });
    assert.deepEqual(await ask(`${url}/protected`), {
      status: 401,
      body: { detail: "Invalid token" },
    });
  });
});

test("an authorizer of one's own adds its check, and a mock takes its place", async () => {
  const ann = await run("own-authorizer", [await issuer.token({ user: "ann@dev.example" })]);
  assert.deepEqual(ann.output.trim().split("\n"), [
    `hello ${subjectOf("ann@dev.example")}`,
    "hello somebody",
  ]);
  const bob = await run("own-authorizer", [await issuer.token({ user: "bob@dev.example" })]);
  assert.match(bob.output, /^authentication_failed: Admin access required/);
});

test("a session is refreshed by the token endpoint, or by name, and shows no token", async () => {
  const cognito = new CognitoIdentityProviderClient({
    region: issuer.region,
    endpoint: issuer.url,
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  });
  const signIn = await cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { USERNAME: "ann@dev.example", PASSWORD },
    }),
  );
  cognito.destroy();
  const refreshToken = signIn.AuthenticationResult!.RefreshToken!;
  const publicApp = {
    COGNITO_CLIENT_ID: issuer.publicClientId,
    COGNITO_CLIENT_SECRET: "",
    COGNITO_DOMAIN: "",
  };
  const good = await run("refresh-a-session", [], refreshToken, publicApp);
  assert.equal(good.code, 0, good.output);
  assert.match(good.output, /"type":"Bearer".*"accessToken":"\[redacted\]"/);
  const bad = await run("refresh-a-session", [], "garbage", publicApp);
  assert.deepEqual([bad.code, bad.output.trim()], [1, "401 refresh_token_invalid"]);
});

test("every example was run, and every page that names one names one that is there", () => {
  const names = readdirSync(join(ROOT, "docs/examples")).map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual([...tried].toSorted(), names.toSorted());
  for (const page of readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"))) {
    const text = readFileSync(join(ROOT, "docs", page), "utf8");
    for (const [, name] of text.matchAll(/examples\/([\w-]+)\.ts/g)) {
      assert.ok(names.includes(name!), `${page} names ${name}`);
    }
  }
});
