/**
 * What the authentication system shows to contexts and entry points. Contexts import types only.
 */
import type { ContextName, Principal } from "../http/principal.ts";
import type { AnyRequest } from "../http/request.ts";
import type { Rejection } from "../platform/errors.ts";
import type { Transaction } from "../platform/postgres.ts";

/** Who somebody is for every issuer: never the subject alone. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/** What IAM knows of an identity. Undefined: nobody we know, or discarded. */
export interface RoleGrants {
  readonly userId: string;
  readonly tenantId: string;
  readonly roles: Readonly<Partial<Record<ContextName, readonly string[]>>>;
  readonly permissions: Readonly<Partial<Record<ContextName, readonly string[]>>>;
  /** When the first of these roles ends, seconds since the epoch. Absent: none does by itself. */
  readonly until?: number;
}

/** A role by its name: worth what the catalogue says of it. */
export interface RoleName {
  readonly context: ContextName;
  readonly name: string;
}

/**
 * Implemented by `contexts/iam/store.ts`; one single-statement read on the pipelined reader. With
 * the roles somebody holds come those of `mapped` that the tenant's catalogue has.
 */
export type LoadRoles = (
  identity: Identity,
  mapped?: readonly RoleName[],
) => Promise<RoleGrants | undefined>;

/**
 * What a revocation names. Everything is computable from the token and the issuer's settings
 * alone; a hash of it picks one generation word.
 */
export type InvalidationKey =
  | { readonly kind: "global" }
  | { readonly kind: "identity"; readonly issuer: string; readonly subject: string }
  | { readonly kind: "session"; readonly id: string }
  | { readonly kind: "api_key"; readonly id: string }
  | { readonly kind: "token"; readonly id: string }
  | { readonly kind: "tenant"; readonly id: string }
  | { readonly kind: "issuer"; readonly issuer: string }
  | { readonly kind: "roles" }
  /** Policies of tenants. */
  | { readonly kind: "policies" }
  /** What is known of machine clients. */
  | { readonly kind: "clients" };

/** Filled when the outcome of COMMIT is known; stays undefined when it never is. */
export interface InvalidationReceipt {
  /** Position in `auth.invalidation_log`; what `WaitForCluster` waits for. */
  readonly number: number | undefined;
}

/**
 * Called as the last statement-maker of a transaction that takes something away: the keys are
 * logged and notified in the flush of COMMIT, and bumped here after it.
 */
export type Invalidate = (tx: Transaction, keys: readonly InvalidationKey[]) => InvalidationReceipt;

/**
 * Resolves when every live process applied the log up to `number` (a receipt's), or when no
 * process can still trust what it cached before; without a number only the latter. Called after
 * the commit. Implemented by `auth/revocation/instances.ts`.
 */
export type WaitForCluster = (number: number | undefined) => Promise<void>;

/** A session that may still act, with the account behind it: what one read of the store tells. */
export interface LiveSession {
  readonly sessionId: string;
  readonly accountId: string;
  readonly tenantId: string;
  readonly email: string | undefined;
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly emailVerified: boolean;
  /** The account has a second factor. */
  readonly hasFactor: boolean;
  readonly disabled: boolean;
  /** This one token was taken back while its session lives on (`auth.revoked_tokens`). */
  readonly tokenRevoked: boolean;
}

/**
 * Implemented by `auth/session/store.ts`; one single-statement read on the pipelined reader.
 * Undefined: no such session, ended, or past its idle or absolute end.
 */
export type LoadSession = (sessionId: string, tokenId: string) => Promise<LiveSession | undefined>;

/** A machine client that may still act: what one read of the store tells. */
export interface LiveMachine {
  readonly clientId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly disabled: boolean;
  readonly tokenRevoked: boolean;
}

/**
 * Implemented by `auth/oauth/store.ts`; one single-statement read on the pipelined reader.
 * Undefined: no client has these tokens any more.
 */
export type LoadMachine = (sessionId: string, tokenId: string) => Promise<LiveMachine | undefined>;

/** Makes the IAM user of a new account in the account's own transaction. */
export type ProvisionUser = (
  tx: Transaction,
  user: {
    readonly userId: string;
    readonly issuer: string;
    readonly subject: string;
    readonly tenantId: string;
  },
) => Promise<void>;

/**
 * Makes the IAM user of a foreign identity whose token was good, with the role `user` in every
 * context; or tells that there is one, or was.
 */
export type ProvisionForeignUser = (
  tx: Transaction,
  user: Identity & { readonly tenantId: string },
) => Promise<"made" | "there" | "discarded">;

/** Who an IAM user of the tenant is for the issuer; undefined: nobody of the tenant. */
export type FindIdentity = (userId: string, tenantId: string) => Promise<Identity | undefined>;

/**
 * Discards the IAM user of an account that is erased, in the same transaction; the id stays where
 * it was written. A user who is gone already is no fault. Throws `last_administrator`.
 */
export type DiscardUser = (
  tx: Transaction,
  user: { readonly userId: string; readonly tenantId: string },
) => Promise<void>;

/** Gives a new user the role whose holder can give every other one, in the user's transaction. */
export type GiveAdministrator = (
  tx: Transaction,
  user: { readonly userId: string },
) => Promise<void>;

/** What the iam context tells the audit log. */
export interface IamEvent {
  readonly action:
    | "user.create"
    | "user.discard"
    | "role.assign"
    | "role.remove"
    | "role.create"
    | "role.change";
  /** A user id, `cli` or `system`. */
  readonly actor: string;
  /** The user it was done to. */
  readonly subject?: string;
  readonly tenantId: string;
  /** The role, with what became of it. */
  readonly reason?: string;
  /** Where it was asked from. */
  readonly request?: AnyRequest | undefined;
}

/** Writes events in the transaction of what they tell. Implemented by `auth/audit/of-iam.ts`. */
export type RecordIamEvents = (tx: Transaction, events: readonly IamEvent[]) => Promise<void>;

/** A value on a cache hit, a promise only when we must wait. */
export type Authenticate = (
  token: string,
  address: string,
) => Principal | Rejection | Promise<Principal | Rejection>;

/** A kind of slow-changing document, of which each thread may keep copies. */
export interface DocumentKind<Document> {
  /** Its name in the metrics. */
  readonly name: string;
  /** A bump of any of these, or of the global word, ends all copies. */
  readonly dependsOn: readonly InvalidationKey[];
  /** What it resolves to is handed to every caller: deeply frozen. */
  readonly load: (key: string) => Promise<Document>;
}

export interface Documents<Document> {
  /** A value when a copy counts. Rejects as `load` does. */
  get(key: string): Document | Promise<Document>;
  /** For a caller whose document lacks what must be there by now: not that copy again. */
  reload(key: string, lacking: Document): Document | Promise<Document>;
}

/** Implemented by `auth/cache/document-cache.ts`. */
export interface DocumentCache {
  open<Document>(kind: DocumentKind<Document>): Documents<Document>;
}
