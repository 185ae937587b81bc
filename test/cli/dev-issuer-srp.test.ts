/** Sign-in without sending the password, by a client that counts in big integers. */
import assert from "node:assert/strict";
import { createHash, createHmac, getDiffieHellman, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import {
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
  RespondToAuthChallengeCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { decodeJwt } from "jose";
import { startDevIssuer, type DevIssuer } from "../../src/cli/dev-issuer/start.ts";

const ANN = "ann@dev.example";
const N = BigInt(`0x${getDiffieHellman("modp15").getPrime("hex")}`);

let issuer: DevIssuer;
let cognito: CognitoIdentityProviderClient;
before(async () => {
  issuer = await startDevIssuer({ port: 0, users: [{ email: ANN }] });
  cognito = new CognitoIdentityProviderClient({
    region: issuer.region,
    endpoint: issuer.url,
    maxAttempts: 1,
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  });
});
after(async () => {
  cognito.destroy();
  await issuer.stop();
});

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % N];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % N;
    square = (square * square) % N;
  }
  return result;
}

/** Even number of digits, and no first bit. */
function padHex(number: bigint): string {
  const hex = number.toString(16);
  if (hex.length % 2 === 1) return `0${hex}`;
  return /^[89a-f]/.test(hex) ? `00${hex}` : hex;
}

const hashHex = (hex: string) => createHash("sha256").update(Buffer.from(hex, "hex")).digest("hex");
const hmac = (key: Buffer, ...parts: (Buffer | string)[]) => {
  const made = createHmac("sha256", key);
  for (const part of parts) made.update(part);
  return made.digest();
};

/** What Cognito's own clients do with a challenge. */
function proof(challenge: Record<string, string>, password: string, a: bigint, timestamp: string) {
  const { SALT, SRP_B, USER_ID_FOR_SRP: name, SECRET_BLOCK } = challenge;
  const pool = issuer.poolId.split("_")[1]!;
  const [A, B] = [power(2n, a), BigInt(`0x${SRP_B}`)];
  const u = BigInt(`0x${hashHex(padHex(A) + padHex(B))}`);
  const inner = createHash("sha256").update(`${pool}${name}:${password}`).digest("hex");
  const x = BigInt(`0x${hashHex(padHex(BigInt(`0x${SALT}`)) + inner)}`);
  const k = BigInt(`0x${hashHex(padHex(N) + padHex(2n))}`);
  const gx = power(2n, x);
  const S = power((B + k * (N - gx)) % N, a + u * x);
  const extracted = hmac(Buffer.from(padHex(u), "hex"), Buffer.from(padHex(S), "hex"));
  const key = hmac(extracted, "Caldera Derived Key\u0001").subarray(0, 16);
  return hmac(key, pool, name!, Buffer.from(SECRET_BLOCK!, "base64"), timestamp).toString("base64");
}

const offer = (username: string, A: bigint) =>
  cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_SRP_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { USERNAME: username, SRP_A: A.toString(16) },
    }),
  );

const prove = (challenge: Record<string, string>, signature: string, timestamp: string) =>
  cognito.send(
    new RespondToAuthChallengeCommand({
      ClientId: issuer.publicClientId,
      ChallengeName: "PASSWORD_VERIFIER",
      ChallengeResponses: {
        USERNAME: challenge["USER_ID_FOR_SRP"]!,
        PASSWORD_CLAIM_SECRET_BLOCK: challenge["SECRET_BLOCK"]!,
        PASSWORD_CLAIM_SIGNATURE: signature,
        TIMESTAMP: timestamp,
      },
    }),
  );

async function signIn(username: string, password: string) {
  const a = BigInt(`0x${randomBytes(32).toString("hex")}`);
  const { ChallengeName, ChallengeParameters } = await offer(username, power(2n, a));
  assert.equal(ChallengeName, "PASSWORD_VERIFIER");
  const timestamp = "Thu Nov 26 08:00:00 UTC 2026";
  const signature = proof(ChallengeParameters!, password, a, timestamp);
  return { challenge: ChallengeParameters!, signature, timestamp };
}

const isRefusal = { name: "NotAuthorizedException", message: "Incorrect username or password." };

test("who knows the password gets tokens, once for each challenge", async () => {
  const { email, password, sub } = issuer.users[0]!;
  const { challenge, signature, timestamp } = await signIn(email, password);
  const { AuthenticationResult } = await prove(challenge, signature, timestamp);
  assert.equal(decodeJwt(AuthenticationResult!.AccessToken!).sub, sub);
  await assert.rejects(prove(challenge, signature, timestamp), isRefusal);
});

test("a wrong password, another time and a name that nobody has are refused alike", async () => {
  const { email, password } = issuer.users[0]!;
  const wrong = await signIn(email, `${password}x`);
  await assert.rejects(prove(wrong.challenge, wrong.signature, wrong.timestamp), isRefusal);
  const late = await signIn(email, password);
  await assert.rejects(prove(late.challenge, late.signature, `${late.timestamp} `), isRefusal);
  const nobody = await signIn("nobody@dev.example", password);
  await assert.rejects(prove(nobody.challenge, nobody.signature, nobody.timestamp), isRefusal);
});

test("numbers with which nobody needs a password are refused", async () => {
  for (const A of [0n, N, 2n * N]) {
    await assert.rejects(offer(ANN, A), { name: "InvalidParameterException" });
  }
});
