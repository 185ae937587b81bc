/**
 * The server's half of SRP-6a (RFC 5054) as Cognito speaks it: the 3 072 bit group, SHA-256, numbers
 * hashed as bytes with a leading zero where the first bit is set, and a key of 16 bytes derived with
 * HKDF. The powers are OpenSSL's.
 */
import {
  createDiffieHellman,
  createHash,
  createHmac,
  getDiffieHellman,
  hkdfSync,
  randomBytes,
} from "node:crypto";

const MODULUS = getDiffieHellman("modp15").getPrime();
const GENERATOR = Buffer.from([2]);
const N = numberOf(MODULUS);
const MULTIPLIER = numberOf(sha256(padded(MODULUS), padded(GENERATOR)));

/** What the pool knows in place of a password. */
export interface SrpVerifier {
  readonly salt: bigint;
  readonly verifier: bigint;
}

/** Of one sign-in: kept until the client proves that it knows the password. */
export interface SrpExchange {
  readonly salt: bigint;
  readonly verifier: bigint;
  readonly clientPublic: bigint;
  readonly privateKey: bigint;
  readonly serverPublic: bigint;
}

export function createVerifier(poolName: string, username: string, password: string): SrpVerifier {
  const salt = numberOf(randomBytes(16));
  const secret = sha256(
    paddedNumber(salt),
    sha256(Buffer.from(`${poolName}${username}:${password}`)),
  );
  return { salt, verifier: power(2n, numberOf(secret)) };
}

/** Undefined: the client's number is one that would make the secret known. */
export function startExchange(
  { salt, verifier }: SrpVerifier,
  clientPublicHex: string,
): SrpExchange | undefined {
  if (!/^[0-9a-f]{1,1024}$/i.test(clientPublicHex)) return undefined;
  const clientPublic = BigInt(`0x${clientPublicHex}`);
  if (clientPublic % N === 0n || clientPublic >= N) return undefined;
  const privateKey = numberOf(randomBytes(32));
  const serverPublic = (MULTIPLIER * verifier + power(2n, privateKey)) % N;
  return { salt, verifier, clientPublic, privateKey, serverPublic };
}

/**
 * What the client must send as `PASSWORD_CLAIM_SIGNATURE`. Undefined: its number was chosen so that
 * anybody knows the secret.
 */
export function expectedSignature(
  exchange: SrpExchange,
  claim: { poolName: string; username: string; secretBlock: Buffer; timestamp: string },
): string | undefined {
  const { clientPublic, serverPublic, verifier, privateKey } = exchange;
  const scramble = sha256(paddedNumber(clientPublic), paddedNumber(serverPublic));
  const base = (clientPublic * power(verifier, numberOf(scramble))) % N;
  if (base <= 1n || base === N - 1n) return undefined;
  const secret = power(base, privateKey);
  const key = Buffer.from(
    hkdfSync("sha256", paddedNumber(secret), padded(scramble), "Caldera Derived Key", 16),
  );
  return createHmac("sha256", key)
    .update(claim.poolName)
    .update(claim.username)
    .update(claim.secretBlock)
    .update(claim.timestamp)
    .digest("base64");
}

function power(base: bigint, exponent: bigint): bigint {
  const group = createDiffieHellman(MODULUS, GENERATOR);
  group.setPrivateKey(bytesOf(exponent));
  return numberOf(group.computeSecret(bytesOf(base)));
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function paddedNumber(number: bigint): Buffer {
  return padded(bytesOf(number));
}

/** A zero in front where the number would read as a negative one. */
function padded(bytes: Buffer): Buffer {
  return bytes[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
}
