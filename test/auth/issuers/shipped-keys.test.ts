import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { KeySetFault, publishedKeys } from "../../../src/auth/issuers/key-source.ts";

const PUBLIC_KEY = createRequire(import.meta.url).resolve(
  "cognito-local/lib/keys/cognitoLocal.public.json",
);
const { jwk } = JSON.parse(readFileSync(PUBLIC_KEY, "utf8")) as { jwk: Record<string, string> };

test("the key that cognito-local ships counts for an issuer in clear text alone, whatever its name", async () => {
  for (const kid of ["CognitoLocal", "another-name"]) {
    const set = { keys: [{ ...jwk, kid }] };
    const development = await publishedKeys(set, "http://127.0.0.1:9229/pool/jwks", ["RS256"]);
    assert.deepEqual([...development.keys.keys()], [kid]);
    await assert.rejects(
      publishedKeys(set, "https://issuer.example/jwks", ["RS256"]),
      (error) => error instanceof KeySetFault && error.code === "refused",
      kid,
    );
  }
});

test("a later key of cognito-local, under its name, counts as little", async () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const set = (kid: string) => ({
    keys: [{ ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }],
  });
  await publishedKeys(set("1"), "https://issuer.example/jwks", ["RS256"]);
  await assert.rejects(
    publishedKeys(set("CognitoLocal"), "https://issuer.example/jwks", ["RS256"]),
    /public package/,
  );
});
