import type { Clock } from "../../platform/clock.ts";
import { createChallenges, type Challenges } from "./challenges.ts";
import { createGrants, type Grants } from "./grants.ts";
import { createSigningKeys, type SigningKeys } from "./signing-keys.ts";
import { createUsers, type Users } from "./users.ts";

/** An app client. One without a secret is public: it gets no token for itself. */
export interface AppClient {
  readonly id: string;
  readonly secret: string | undefined;
}

export interface Lives {
  readonly accessSeconds: number;
  readonly idSeconds: number;
  readonly refreshSeconds: number;
}

/** A user pool. */
export interface Pool {
  /** `us-east-1_DevPool1` */
  readonly id: string;
  readonly region: string;
  /** What stands behind the region: SRP signs it. */
  readonly name: string;
  readonly issuer: string;
  readonly keys: SigningKeys;
  readonly users: Users;
  readonly grants: Grants;
  readonly challenges: Challenges;
  readonly clients: readonly AppClient[];
  /** Of client credentials, as `resource/scope`. */
  readonly scopes: readonly string[];
  readonly lives: Lives;
  readonly clock: Clock;
  readonly createdSeconds: number;
}

/** Cognito's own form, as aws-jwt-verify insists on it. */
export const POOL_ID = /^([a-z]{2}-(?:gov-)?[a-z]+-\d)_([A-Za-z0-9]{1,55})$/;

export interface PoolOptions extends Pick<Pool, "id" | "clients" | "scopes" | "lives" | "clock"> {
  readonly url: string;
}

export async function createPool({ url, ...options }: PoolOptions): Promise<Pool> {
  const [, region, name] = POOL_ID.exec(options.id)!;
  const { clock, lives } = options;
  return Object.freeze({
    ...options,
    region: region!,
    name: name!,
    issuer: `${url}/${options.id}`,
    keys: await createSigningKeys(),
    users: createUsers(name!, clock),
    grants: createGrants({ clock, refreshSeconds: lives.refreshSeconds }),
    challenges: createChallenges(clock),
    createdSeconds: clock.nowSeconds(),
  });
}
