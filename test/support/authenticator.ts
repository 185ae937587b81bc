import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/*
 * An authenticator in software (WebAuthn Level 3 §6): ES256, attestation `none`, CBOR by hand. It
 * plays the browser too, and can be told to do what no honest one does.
 */

interface Credential {
  readonly id: Buffer;
  readonly rpId: string;
  readonly userHandle: Buffer;
  readonly privateKey: KeyObject;
  counter: number;
}

export interface AuthenticatorBehaviour {
  readonly origin: string;
  /** Says that it made sure who holds it. */
  readonly userVerified?: boolean;
  /** Its keys are copied to other devices. */
  readonly synced?: boolean;
  /** How far the counter goes on with each use; 0: it does not count. */
  readonly counting?: number;
}

/** What an answer says that it should not. */
export interface Lies {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly counter?: number;
  readonly userVerified?: boolean;
  readonly userPresent?: boolean;
  readonly userHandle?: string;
  /** Signs with another key. */
  readonly key?: KeyObject;
  readonly crossOrigin?: boolean;
}

export function createAuthenticator(behaviour: AuthenticatorBehaviour) {
  const credentials: Credential[] = [];
  const { counting = 1 } = behaviour;

  function authenticatorData(
    rpId: string,
    counter: number,
    lies: Lies,
    attested: Buffer | undefined,
  ): Buffer {
    const isVerified = lies.userVerified ?? behaviour.userVerified ?? true;
    const present = lies.userPresent === false ? 0 : 0x01;
    // Backup eligible and backed up.
    const backup = behaviour.synced === true ? 0x18 : 0;
    const flags = present | (isVerified ? 0x04 : 0) | backup | (attested === undefined ? 0 : 0x40);
    const tail = Buffer.alloc(5);
    tail.writeUInt8(flags, 0);
    tail.writeUInt32BE(counter, 1);
    const parts = [sha256(Buffer.from(lies.rpId ?? rpId)), tail];
    return Buffer.concat(attested === undefined ? parts : [...parts, attested]);
  }

  function clientData(type: string, challenge: string, lies: Lies): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? behaviour.origin,
        crossOrigin: lies.crossOrigin ?? false,
      }),
    );
  }

  return {
    credentials,
    /** `navigator.credentials.create()`, as the JSON that is sent. */
    create(options: any, lies: Lies = {}) {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const credential: Credential = {
        id: randomBytes(32),
        rpId: options.rp.id,
        userHandle: Buffer.from(options.user.id, "base64url"),
        privateKey,
        counter: 0,
      };
      credentials.push(credential);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(credential.id.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, credential.id, coseKey(publicKey)]);
      const authData = authenticatorData(credential.rpId, 0, lies, attested);
      // {"fmt": "none", "attStmt": {}, "authData": bytes}
      const attestationObject = Buffer.concat([
        Buffer.from([0xa3]),
        cborText("fmt"),
        cborText("none"),
        cborText("attStmt"),
        Buffer.from([0xa0]),
        cborText("authData"),
        cborBytes(authData),
      ]);
      const id = credential.id.toString("base64url");
      return {
        id,
        rawId: id,
        type: "public-key",
        authenticatorAttachment: "platform",
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientData("webauthn.create", options.challenge, lies).toString(
            "base64url",
          ),
          attestationObject: attestationObject.toString("base64url"),
          transports: ["internal"],
        },
      };
    },
    /** `navigator.credentials.get()`, as the JSON that is sent. */
    get(options: any, lies: Lies = {}) {
      const allowed = options.allowCredentials as { id: string }[] | undefined;
      const credential = credentials.find(
        ({ id, rpId }) =>
          rpId === options.rpId &&
          (allowed === undefined || allowed.some((one) => one.id === id.toString("base64url"))),
      );
      if (credential === undefined) throw new Error("the authenticator has no such credential");
      credential.counter += counting;
      const counter = lies.counter ?? credential.counter;
      const authData = authenticatorData(credential.rpId, counter, lies, undefined);
      const data = clientData("webauthn.get", options.challenge, lies);
      const signature = sign(
        "sha256",
        Buffer.concat([authData, sha256(data)]),
        lies.key ?? credential.privateKey,
      );
      const id = credential.id.toString("base64url");
      return {
        id,
        rawId: id,
        type: "public-key",
        authenticatorAttachment: "platform",
        clientExtensionResults: {},
        response: {
          clientDataJSON: data.toString("base64url"),
          authenticatorData: authData.toString("base64url"),
          signature: signature.toString("base64url"),
          userHandle: lies.userHandle ?? credential.userHandle.toString("base64url"),
        },
      };
    },
  };
}

/** EC2 P-256 key (RFC 9053 §7.1.1): {1: 2, 3: -7, -1: 1, -2: x, -3: y}. */
function coseKey(publicKey: KeyObject): Buffer {
  const { x, y } = publicKey.export({ format: "jwk" });
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    cborBytes(Buffer.from(x!, "base64url")),
    Buffer.from([0x22]),
    cborBytes(Buffer.from(y!, "base64url")),
  ]);
}

/** Lengths below 65 536 (RFC 8949 §3). */
function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
