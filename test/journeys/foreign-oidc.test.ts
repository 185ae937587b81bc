/** A foreign OpenID provider that is not of our making, its programs and its people. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { PUBLIC_URL } from "../support/callers.ts";
import { ask } from "../support/journey.ts";
import {
  API,
  OTHER_API,
  startOpenIdProvider,
  type OpenIdProvider,
} from "../support/openid-provider.ts";
import { startServer, type TestServer } from "../support/server.ts";

let db: TestDatabase;
let provider: OpenIdProvider;
let server: TestServer;

before(async () => {
  db = await withDatabase();
  provider = await startOpenIdProvider((login) => (login === "ann" ? ["auditors"] : []));
  server = await startServer({
    databaseUrl: db.url,
    env: {
      PUBLIC_URL,
      // No address of keys: they are found by discovery.
      ISSUERS: JSON.stringify([
        {
          type: "oidc",
          issuer: provider.issuer,
          audiences: [API],
          algorithms: ["ES256"],
          provision: "create",
          roles: { auditors: ["iam:auditor"] },
        },
      ]),
    },
  });
});
after(async () => {
  await server?.stop();
  await provider?.stop();
  await db?.drop();
});

const whoami = (token: string) => ask(`${server.url}/auth/whoami`, { token });

test("who signed in there with a browser is a user here, with the roles of her groups", async () => {
  const { accessToken } = await provider.signIn("ann");
  const { status, body } = await whoami(accessToken);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(
    [body["token_info"].issuer, body["token_info"].subject],
    [provider.issuer, "ann"],
  );
  assert.deepEqual(body["user_roles"].iam.toSorted(), ["auditor", "user"]);
  assert.equal((await ask(`${server.url}/v1/audit`, { token: accessToken })).status, 200);
  const again = await whoami((await provider.signIn("ann")).accessToken);
  assert.equal(again.body["user_id"], body["user_id"]);
  const other = await whoami((await provider.signIn("ben")).accessToken);
  assert.notEqual(other.body["user_id"], body["user_id"]);
  assert.deepEqual(other.body["user_roles"].iam, ["user"]);
});

test("a program of theirs calls us with a token for our API", async () => {
  const { status, body } = await whoami(await provider.clientToken());
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body["token_info"].subject, "machine");
});

test("a token for another API and an id token are refused", async () => {
  assert.equal((await whoami(await provider.clientToken(OTHER_API))).status, 401);
  const { idToken } = await provider.signIn("ann");
  assert.equal((await whoami(idToken)).status, 401);
});
