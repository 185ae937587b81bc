import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { ServiceError } from "./service-error.ts";

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

export interface PasswordHash {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

// Of nobody: a user who is not there costs what a wrong password costs.
const NOBODY: PasswordHash = { salt: randomBytes(16), hash: randomBytes(32) };

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16);
  return { salt, hash: await derive(password, salt, 32) };
}

export async function matchesPassword(
  password: string,
  stored: PasswordHash | undefined,
): Promise<boolean> {
  const { salt, hash } = stored ?? NOBODY;
  return timingSafeEqual(await derive(password, salt, 32), hash) && stored !== undefined;
}

/** Cognito's usual rules: eight characters with small and large letters, digits and others. */
export function assertPassword(password: string): void {
  const fault = (sentence: string) =>
    new ServiceError(
      "InvalidPasswordException",
      `Password did not conform with policy: ${sentence}`,
    );
  if (password.length < limits.passwordMinCharacters) throw fault("Password not long enough");
  if (password.length > limits.passwordMaxCharacters) throw fault("Password is too long");
  if (!/[A-Z]/.test(password)) throw fault("Password must have uppercase characters");
  if (!/[a-z]/.test(password)) throw fault("Password must have lowercase characters");
  if (!/\d/.test(password)) throw fault("Password must have numeric characters");
  if (!/[^A-Za-z0-9]/.test(password)) throw fault("Password must have symbol characters");
}

/** Compares in a time that says nothing about the texts, nor about their lengths. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

/** `SECRET_HASH` of a user at a client. */
export function secretHash(username: string, client: { id: string; secret: string }): string {
  return createHmac("sha256", client.secret)
    .update(username + client.id)
    .digest("base64");
}

export function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
