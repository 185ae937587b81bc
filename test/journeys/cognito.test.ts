/** People of two Cognito user pools, as their apps see our server: signed in with Amazon's client. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AdminAddUserToGroupCommand,
  AdminConfirmSignUpCommand,
  CreateGroupCommand,
  GlobalSignOutCommand,
  InitiateAuthCommand,
  SignUpCommand,
  type AuthenticationResultType,
  type CognitoIdentityProviderClient,
} from "@aws-sdk/client-cognito-identity-provider";
import { decodeJwt } from "jose";
import { startDevIssuer, type DevIssuer } from "../../src/cli/dev-issuer/start.ts";
import { openCallers, PUBLIC_URL } from "../support/callers.ts";
import { createCognito, startCognitoLocal, type CognitoLocal } from "../support/cognito-local.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

const ANN = "ann@dev.example";
const BEN = "ben@dev.example";
const PASSWORD = "Str0ng-enough!";

let db: TestDatabase;
let issuer: DevIssuer;
let local: CognitoLocal;
let server: TestServer;
let cognito: CognitoIdentityProviderClient;
let admin: string;

before(async () => {
  db = await withDatabase();
  const users = [ANN, BEN].map((email) => ({ email, password: PASSWORD, groups: ["chefs"] }));
  issuer = await startDevIssuer({ port: 0, users });
  local = await startCognitoLocal();
  cognito = createCognito(issuer.url);
  server = await startServer({
    databaseUrl: db.url,
    env: {
      PUBLIC_URL,
      COGNITO_ENDPOINT: issuer.url,
      COGNITO_USER_POOL_ID: issuer.poolId,
      COGNITO_CLIENT_ID: `${issuer.clientId},${issuer.publicClientId}`,
      COGNITO_CLIENT_SECRET: issuer.clientSecret,
      COGNITO_PROVISION: "create",
      ISSUERS: JSON.stringify([
        {
          type: "cognito",
          user_pool_id: local.poolId,
          endpoint: local.url,
          client_ids: [local.clientId],
          provision: "create",
          roles: { auditors: ["iam:auditor"] },
        },
      ]),
    },
  });
  const callers = await openCallers(db);
  const caller = await callers.makeCaller();
  await callers.give(caller, ["iam:manage_users"]);
  admin = (await callers.openTokens(caller)).accessToken;
});
after(async () => {
  await server?.stop();
  cognito?.destroy();
  await local?.stop();
  await issuer?.stop();
  await db?.drop();
});

const whoami = (token: string) => ask(`${server.url}/auth/whoami`, { token });

async function signIn(
  client: CognitoIdentityProviderClient,
  clientId: string,
  username: string,
): Promise<AuthenticationResultType> {
  const { AuthenticationResult } = await client.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: clientId,
      AuthParameters: { USERNAME: username, PASSWORD },
    }),
  );
  return AuthenticationResult!;
}

const atDev = (email: string) => signIn(cognito, issuer.publicClientId, email);

async function refresh(refreshToken: string): Promise<string> {
  const { AuthenticationResult } = await cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "REFRESH_TOKEN_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { REFRESH_TOKEN: refreshToken },
    }),
  );
  return AuthenticationResult!.AccessToken!;
}

test("who signs in at the pool is a user here, and the same one at the next sign-in", async () => {
  const { AccessToken, IdToken } = await atDev(ANN);
  // The first request asks the pool for its keys.
  const first = await whoami(AccessToken!);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const { token_info: info, user_id: userId, user_roles: roles } = first.body;
  const { sub } = issuer.users[0]!;
  assert.deepEqual([info.issuer, info.subject, info.kind], [issuer.issuer, sub, "user"]);
  assert.ok(roles.products_catalog.includes("user"));
  const products = await ask(`${server.url}/v1/products/sources`, { token: AccessToken! });
  assert.equal(products.status, 200);
  const again = await atDev(ANN);
  assert.equal((await whoami(again.AccessToken!)).body["user_id"], userId);
  // Only access tokens are accepted, as the settings say.
  assert.equal((await whoami(IdToken!)).status, 401);
});

test("tokens of another client, another pool and another key are refused", async () => {
  const other = await startDevIssuer({ port: 0, users: [{ email: ANN }] });
  try {
    const tokens = {
      "another client": await issuer.token({ user: ANN, clientId: "someone-else" }),
      "another pool": await other.token({ user: ANN }),
      "another key": await other.token({ user: ANN, claims: { iss: issuer.issuer } }),
      expired: await issuer.token({ user: ANN, seconds: -1 }),
      "too long a life": await issuer.token({ user: ANN, seconds: 25 * 3600 }),
      "another use": await issuer.token({ user: ANN, claims: { token_use: "refresh" } }),
    };
    for (const [what, token] of Object.entries(tokens)) {
      assert.equal((await whoami(token)).status, 401, what);
    }
    assert.equal((await whoami(await issuer.token({ user: ANN }))).status, 200);
  } finally {
    await other.stop();
  }
});

test("the pool rotates its keys while people ask, and nobody is refused", async () => {
  const early = (await atDev(ANN)).AccessToken!;
  const { RefreshToken } = await atDev(BEN);
  const statuses = new Map<number, number>();
  const phase = { isOver: false };
  const traffic = Array.from({ length: 4 }, async () => {
    while (!phase.isOver) {
      const { status } = await whoami(early);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  try {
    await issuer.rotateKeys({ publishOnly: true });
    assert.equal((await whoami(await refresh(RefreshToken!))).status, 200);
    await issuer.rotateKeys();
    // A key that this server has not seen: the first token of it is what makes it ask.
    const late = await refresh(RefreshToken!);
    assert.notEqual(late.split(".")[0], early.split(".")[0]);
    const { status, body } = await whoami(late);
    assert.equal(status, 200, JSON.stringify(body));
  } finally {
    phase.isOver = true;
    await Promise.all(traffic);
  }
  assert.deepEqual([...statuses.keys()], [200]);
});

test("an administrator signs a user out here, also for tokens the pool still refreshes", async () => {
  const before = await atDev(BEN);
  const known = await whoami(before.AccessToken!);
  assert.equal(known.status, 200);
  const bystander = (await atDev(ANN)).AccessToken!;
  assert.equal((await whoami(bystander)).status, 200);
  const done = await ask(
    `${server.url}/v1/admin/users/${known.body["user_id"]}/sign-out?wait=cluster`,
    { method: "POST", token: admin, body: { reason: "the phone was lost" } },
  );
  assert.equal(done.status, 200, JSON.stringify(done.body));
  assert.equal((await whoami(before.AccessToken!)).status, 401);
  // The pool was not told: its refresh token goes on, for a sign-in that does not count here.
  assert.equal((await whoami(await refresh(before.RefreshToken!))).status, 401);
  assert.equal((await whoami(bystander)).status, 200);
  // A sign-in after it counts, once the tolerance for the pool's clock has passed.
  await until("a new sign-in counts", async () => {
    await sleep(500);
    const next = await whoami((await atDev(BEN)).AccessToken!);
    return next.status === 200 && next.body["user_id"] === known.body["user_id"];
  });
});

test("who signs out at the pool gets no new token through our refresh route", async () => {
  const { RefreshToken, AccessToken } = await atDev(ANN);
  const exchange = () =>
    ask(`${server.url}/auth/cognito/refresh`, {
      method: "POST",
      body: { refresh_token: RefreshToken, client_id: issuer.publicClientId },
    });
  const { status, body } = await exchange();
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await whoami(body["access_token"])).status, 200);
  await cognito.send(new GlobalSignOutCommand({ AccessToken }));
  assert.equal((await exchange()).status, 401);
});

test("people of cognito-local are users with the roles of their groups", async () => {
  const UserPoolId = local.poolId;
  const send = local.cognito.send.bind(local.cognito) as (command: any) => Promise<any>;
  await send(new CreateGroupCommand({ UserPoolId, GroupName: "auditors" }));
  for (const Username of ["cat@dev.example", "dan@dev.example"]) {
    await send(new SignUpCommand({ ClientId: local.clientId, Username, Password: PASSWORD }));
    await send(new AdminConfirmSignUpCommand({ UserPoolId, Username }));
  }
  const cat = { UserPoolId, Username: "cat@dev.example", GroupName: "auditors" };
  await send(new AdminAddUserToGroupCommand(cat));
  const [auditor, guest] = await Promise.all(
    ["cat@dev.example", "dan@dev.example"].map((name) =>
      signIn(local.cognito, local.clientId, name),
    ),
  );
  const known = await whoami(auditor!.AccessToken!);
  assert.equal(known.status, 200, JSON.stringify(known.body));
  assert.equal(known.body["token_info"].issuer, `${local.url}/${local.poolId}`);
  assert.deepEqual(known.body["user_roles"].iam.toSorted(), ["auditor", "user"]);
  const audit = (token: string) => ask(`${server.url}/v1/audit`, { token });
  assert.equal((await audit(auditor!.AccessToken!)).status, 200);
  assert.equal((await whoami(guest!.AccessToken!)).status, 200);
  assert.equal((await audit(guest!.AccessToken!)).status, 403);
  // One key signs for every pool of cognito-local; the issuer is part of what it says.
  assert.equal(decodeJwt(auditor!.AccessToken!).iss, known.body["token_info"].issuer);
});
