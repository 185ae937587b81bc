import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { mfaLimits as limits } from "../../platform/limits.ts";
import type { Account } from "../accounts/store.ts";
import type { NewPasskey, Passkey } from "./store-passkeys.ts";

export type { AuthenticationResponseJSON, RegistrationResponseJSON };

/** Who we are for authenticators (WebAuthn §4, relying party identifier). */
export interface RelyingParty {
  readonly id: string;
  readonly name: string;
  readonly origins: readonly string[];
}

// Loaded for the first passkey: it would take a third of a second of every start.
const library = () => import("@simplewebauthn/server");

/** A credential of our own: EdDSA, ES256, RS256 (COSE). */
const ALGORITHMS = [-8, -7, -257];

/**
 * The host of our public address is the relying party. Pages that may call us across origins may
 * use its credentials where the browser lets them: below the same host.
 */
export function toRelyingParty(publicUrl: string, corsOrigins: readonly string[]): RelyingParty {
  const { hostname: id, origin } = new URL(publicUrl);
  const belongs = (other: string) => {
    const { hostname } = new URL(other);
    return hostname === id || hostname.endsWith(`.${id}`);
  };
  return { id, name: "Brigade", origins: [origin, ...corsOrigins.filter(belongs)] };
}

export async function registrationOptions(
  party: RelyingParty,
  account: Account,
  challenge: string,
  present: readonly Passkey[],
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpID: party.id,
    rpName: party.name,
    userID: new Uint8Array(Buffer.from(account.id.replaceAll("-", ""), "hex")),
    userName: account.email,
    userDisplayName: account.name ?? account.username ?? account.email,
    challenge: bytesOf(challenge),
    timeout: limits.webauthnSeconds * 1_000,
    attestationType: "none",
    excludeCredentials: present.map(toDescriptor),
    authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** What a new credential is. Undefined: it is not one, or not made for us and for this challenge. */
export async function verifyRegistration(
  party: RelyingParty,
  challenge: string,
  response: RegistrationResponseJSON,
): Promise<Omit<NewPasskey, "id" | "accountId" | "name"> | undefined> {
  const { verifyRegistrationResponse } = await library();
  const verified = await verdictOf(() =>
    verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    }),
  );
  const made = verified?.registrationInfo;
  if (made === undefined) return undefined;
  return {
    credentialId: made.credential.id,
    publicKey: Buffer.from(made.credential.publicKey),
    signCount: made.credential.counter,
    transports: (response.response.transports ?? []).filter((name) => /^[a-z-]{1,16}$/.test(name)),
    synced: made.credentialDeviceType === "multiDevice",
  };
}

/** `passkeys` undefined: whoever it is says so with the answer, and proves to be that person. */
export async function assertionOptions(
  party: RelyingParty,
  challenge: string,
  passkeys: readonly Passkey[] | undefined,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await library();
  return generateAuthenticationOptions({
    rpID: party.id,
    challenge: bytesOf(challenge),
    timeout: limits.webauthnSeconds * 1_000,
    userVerification: passkeys === undefined ? "required" : "preferred",
    ...(passkeys === undefined ? {} : { allowCredentials: passkeys.map(toDescriptor) }),
  });
}

export interface Assertion {
  readonly signCount: number;
  /** The authenticator made sure who holds it: by a PIN, a finger, a face. */
  readonly userVerified: boolean;
}

/** Undefined: not signed by this passkey, for us and for this challenge. */
export async function verifyAssertion(
  party: RelyingParty,
  challenge: string,
  passkey: Passkey,
  response: AuthenticationResponseJSON,
): Promise<Assertion | undefined> {
  const { userHandle } = response.response;
  if (userHandle !== undefined && accountOfHandle(userHandle) !== passkey.accountId) {
    return undefined;
  }
  const { verifyAuthenticationResponse } = await library();
  const verdict = await verdictOf(() =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      // The counter is compared with the row, in the statement that moves it on.
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(passkey.publicKey),
        counter: 0,
      },
    }),
  );
  if (verdict?.verified !== true) return undefined;
  const { newCounter: signCount, userVerified } = verdict.authenticationInfo;
  return { signCount, userVerified };
}

/** The challenge that an answer says it signs, to be looked up before anything is verified. */
export function challengeOf(clientDataJson: string): string | undefined {
  try {
    const said: unknown = JSON.parse(Buffer.from(clientDataJson, "base64url").toString("utf8"));
    const { challenge } = said as { challenge?: unknown };
    return typeof challenge === "string" && challenge.length <= 128 ? challenge : undefined;
  } catch {
    return undefined;
  }
}

function accountOfHandle(userHandle: string): string {
  const hex = Buffer.from(userHandle, "base64url").toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function toDescriptor({ credentialId, transports }: Passkey) {
  return { id: credentialId, transports: [...transports] };
}

function bytesOf(challenge: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(challenge, "base64url"));
}

/** What does not parse or does not match is thrown there, and a refusal here. */
async function verdictOf<T>(verify: () => Promise<T>): Promise<T | undefined> {
  try {
    return await verify();
  } catch {
    return undefined;
  }
}
