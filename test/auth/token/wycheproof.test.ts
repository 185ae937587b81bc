import assert from "node:assert/strict";
import { createPublicKey, createSecretKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { JWK } from "jose";
import { importKeySet, KeyFault, PRIVATE_MEMBERS } from "../../../src/auth/keys/material.ts";
import {
  ALGORITHMS,
  type Algorithm,
  type AsymmetricAlgorithm,
} from "../../../src/auth/token/algorithms.ts";
import { isTokenFault } from "../../../src/auth/token/fault.ts";
import { parseJws } from "../../../src/auth/token/parse.ts";
import { verifySignature, type VerificationKey } from "../../../src/auth/token/verify.ts";

const folder = fileURLToPath(new URL("../../../../shared/vectors/wycheproof/", import.meta.url));
const skip = existsSync(folder) ? false : "the test vectors are not beside the repository";

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: "valid" | "invalid" | "acceptable";
}
interface JwsGroup {
  readonly comment: string;
  readonly private?: JWK & { keys?: JWK[] };
  readonly public?: JWK & { keys?: JWK[] };
  readonly tests: readonly Vector[];
}
interface RawGroup {
  readonly publicKeyPem?: string;
  readonly tagSize?: number;
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly key?: string;
    readonly sig?: string;
    readonly tag?: string;
    readonly result: "valid" | "invalid" | "acceptable";
  }[];
}

function readGroups<T>(file: string): readonly T[] {
  return JSON.parse(readFileSync(`${folder}${file}`, "utf8")).testGroups as T[];
}

const PUBLIC_ALGORITHMS = ALGORITHMS.filter((alg): alg is AsymmetricAlgorithm => alg !== "HS256");

/** The keys of a group as a program would configure them: from the public set, or one secret. */
async function keysOf(group: JwsGroup): Promise<ReadonlyMap<string, VerificationKey>> {
  const given = group.public ?? group.private!;
  const keys = (given.keys ?? [given]).map(withoutPrivateParts);
  if (keys.length === 1 && keys[0]!.kty === "oct") return sharedSecret(keys[0]!);
  return importKeySet({ keys }, PUBLIC_ALGORITHMS);
}

/** The files give private keys where a public one is meant; our program would refuse the set. */
function withoutPrivateParts(jwk: JWK): JWK {
  if (jwk.kty === "oct") return jwk;
  const entries = Object.entries(jwk).filter(
    ([name]) => !(PRIVATE_MEMBERS as readonly string[]).includes(name),
  );
  return Object.fromEntries(entries) as JWK;
}

/** `JWT_SECRET`: HS256 and nothing else, 32 bytes at least. */
function sharedSecret(jwk: JWK): ReadonlyMap<string, VerificationKey> {
  const secret = Buffer.from(jwk.k!, "base64url");
  if (jwk.alg !== "HS256" || secret.length < 32) return new Map();
  const keyObject = createSecretKey(secret);
  const key = { kid: jwk.kid!, alg: "HS256" as const, id: jwk.kid!, keyObject, jwk: undefined };
  return new Map([[jwk.kid!, key]]);
}

async function isAccepted(group: JwsGroup, vector: Vector): Promise<boolean> {
  let keys: ReadonlyMap<string, VerificationKey>;
  try {
    keys = await keysOf(group);
  } catch (error) {
    assert.ok(error instanceof KeyFault, String(error));
    return false;
  }
  const jws = parseJws(vector.jws);
  if (isTokenFault(jws)) return false;
  const key = keys.get(jws.header.kid);
  if (key === undefined || key.alg !== jws.header.alg) return false;
  return verifySignature(key, jws.signingInput, jws.signature);
}

type Numbers = Readonly<Record<string, readonly number[]>>;

/** What is called valid and refused by us, by reason. Everything else that is valid is accepted. */
const REFUSED_VALID: Numbers = {
  "json_web_signature_test.json": [
    // Algorithms that we do not offer: RS384, RS512, PS384, PS512, ES512.
    ...[264, 265, 266, 267, 268, 269, 270, 271, 320, 321, 322, 323, 325, 326, 327, 328],
    ...[346, 347, 350, 351],
    // A `?` inside of header or payload: no character of base64url (RFC 7515 §2).
    ...[372, 373],
  ],
  // A set of several shared secrets; HS384 and HS512.
  "json_web_key_test.json": [2, 14, 15],
};
/** What is called invalid and accepted: byte for byte the text of vector 357, which is valid. */
const ACCEPTED_INVALID: Numbers = { "json_web_signature_test.json": [367, 370] };

for (const file of ["json_web_signature_test.json", "json_web_key_test.json"]) {
  test(`${file}: the invalid is refused, the valid is accepted`, { skip }, async () => {
    const accepted: number[] = [];
    const refused: number[] = [];
    let invalid = 0;
    for (const group of readGroups<JwsGroup>(file)) {
      for (const vector of group.tests) {
        const verdict = await isAccepted(group, vector);
        if (vector.result === "invalid") invalid++;
        if (vector.result === "valid" && !verdict) refused.push(vector.tcId);
        if (vector.result === "invalid" && verdict) accepted.push(vector.tcId);
      }
    }
    assert.equal(invalid, file.includes("signature") ? 355 : 21);
    assert.deepEqual(accepted, ACCEPTED_INVALID[file] ?? []);
    assert.deepEqual(refused, REFUSED_VALID[file] ?? []);
  });
}

test("the two vectors that contradict the set are the text of a valid one", { skip }, () => {
  const vectors = readGroups<JwsGroup>("json_web_signature_test.json").flatMap(
    ({ tests }) => tests,
  );
  const textOf = (tcId: number) => vectors.find((vector) => vector.tcId === tcId)!.jws;
  for (const tcId of [367, 370]) assert.equal(textOf(tcId), textOf(357));
});

const RAW_FILES: Readonly<Record<string, Algorithm>> = {
  "rsa_signature_2048_sha256_test.json": "RS256",
  "rsa_signature_3072_sha256_test.json": "RS256",
  "rsa_signature_4096_sha256_test.json": "RS256",
  "rsa_pss_2048_sha256_mgf1_32_test.json": "PS256",
  "rsa_pss_3072_sha256_mgf1_32_test.json": "PS256",
  "rsa_pss_4096_sha256_mgf1_32_test.json": "PS256",
  "ecdsa_secp256r1_sha256_p1363_test.json": "ES256",
  "ed25519_test.json": "EdDSA",
  "hmac_sha256_test.json": "HS256",
};

for (const [file, alg] of Object.entries(RAW_FILES)) {
  test(`${file}: every signature is judged as its vector says`, { skip }, () => {
    let count = 0;
    for (const group of readGroups<RawGroup>(file)) {
      for (const vector of group.tests) {
        // What may be accepted or not (a missing NULL in the padding) is of no interest here.
        if (vector.result === "acceptable") continue;
        const isMac = vector.tag !== undefined;
        const keyObject = isMac
          ? createSecretKey(Buffer.from(vector.key!, "hex"))
          : createPublicKey(group.publicKeyPem!);
        const input = Buffer.from(vector.msg, "hex").toString("latin1");
        const signature = Buffer.from(vector.sig ?? vector.tag!, "hex").toString("base64url");
        // RFC 7518 §3.2 knows no shortened tags.
        const isGood = vector.result === "valid" && (!isMac || group.tagSize === 256);
        const verdict = verifySignature({ alg, keyObject }, input, signature);
        assert.equal(verdict, isGood, `tcId ${vector.tcId}`);
        count++;
      }
    }
    assert.ok(count > 50, String(count));
  });
}
