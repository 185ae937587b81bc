/** `brigade dev-issuer` as somebody types it. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeJwt } from "jose";
import { readConfig } from "../../src/platform/config.ts";
import { launchWords } from "../support/built.ts";
import { createBrigade } from "./support.ts";

const brigade = createBrigade({});
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LAST_LINE = /^Sign-in with a password/;

interface Started {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

async function start(
  t: TestContext,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<Started> {
  const child = spawn(process.execPath, [...launchWords(), "dev-issuer", "--port", "0", ...words], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"]!, HOME: "/", NODE_ENV: "test", NODE_V8_COVERAGE: "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line);
    if (LAST_LINE.test(line)) break;
  }
  const settings = lines.flatMap((line) => {
    const [, name, value] = /^ {2}(COGNITO_\w+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value!] as const];
  });
  return { child, lines, settings: Object.fromEntries(settings) };
}

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once("exit", resolve));

test("it tells the settings that the server wants, and ends with a signal", async (t) => {
  const { child, lines, settings } = await start(t, [
    "--user",
    "ann@dev.example",
    "--group",
    "chefs",
  ]);
  const { cognito, issuers } = readConfig({ NODE_ENV: "test", ...settings }) as any;
  assert.equal(cognito.endpoint, settings["COGNITO_ENDPOINT"]);
  assert.equal(lines[0], `issuer: ${issuers[0].issuer}`);
  const discovery = await fetch(`${issuers[0].issuer}/.well-known/openid-configuration`);
  assert.equal(((await discovery.json()) as any).jwks_uri, issuers[0].jwksUri);
  const [clientId] = settings["COGNITO_CLIENT_ID"]!.split(",");
  const reply = await fetch(`${settings["COGNITO_DOMAIN"]}/oauth2/token`, {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa(`${clientId}:${settings["COGNITO_CLIENT_SECRET"]}`)}`,
    },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  assert.equal(decodeJwt(((await reply.json()) as any).access_token).iss, issuers[0].issuer);
  const login = lines.map((line) => /^login: (\S+) {2}password: (\S+)$/.exec(line)).find(Boolean)!;
  assert.equal(login[1], "ann@dev.example");
  const signedIn = await fetch(settings["COGNITO_ENDPOINT"]!, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
    },
    body: JSON.stringify({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: /at the client (\w+)/.exec(lines.at(-1)!)![1],
      AuthParameters: { USERNAME: login[1], PASSWORD: login[2] },
    }),
  });
  const { AuthenticationResult } = (await signedIn.json()) as any;
  assert.deepEqual(decodeJwt(AuthenticationResult.AccessToken)["cognito:groups"], ["chefs"]);
  child.kill("SIGTERM");
  assert.equal(await ended(child), 0);
});

test("a secret of the environment is used, and not shown", async (t) => {
  const secret = "of-the-environment-only-4711";
  const { lines, settings } = await start(t, ["--client", "mine"], {
    DEV_ISSUER_CLIENT_SECRET: secret,
  });
  assert.ok(!lines.join("\n").includes(secret));
  const reply = await fetch(`${settings["COGNITO_DOMAIN"]}/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: "mine",
      client_secret: secret,
    }),
  });
  assert.equal(reply.status, 200);
});

test("where it looks like production it says why and ends with 78", async () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", NODE_ENV: "production" };
  const { code, stdout, stderr } = await brigade(["dev-issuer", "--port", "0"], { env });
  assert.deepEqual([code, stdout], [78, ""]);
  assert.match(
    stderr,
    /^brigade: [^\n]*KUBERNETES_SERVICE_HOST, NODE_ENV[^\n]*production[^\n]*\n$/,
  );
});

test("a port that is taken is said in one sentence", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const port = String((other.address() as AddressInfo).port);
  const { code, stderr } = await brigade(["dev-issuer", "--port", port]);
  assert.equal(code, 1);
  assert.equal(stderr, `brigade: port ${port} is taken; --port 0 finds a free one\n`);
});
