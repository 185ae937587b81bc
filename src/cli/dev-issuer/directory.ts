import type { Input } from "./input.ts";
import { textOf } from "./input.ts";
import type { AppClient, Pool } from "./pool.ts";
import { isSameSecret, secretHash } from "./secrets.ts";
import { notAuthorized, notFound } from "./service-error.ts";
import { readAccessToken } from "./tokens.ts";
import type { User } from "./users.ts";

/** The pools of one issuer, and who is meant by what a request says. */
export interface Directory {
  readonly pools: readonly Pool[];
  poolOf(input: Input): Pool;
  clientOf(input: Input): { pool: Pool; client: AppClient };
  findClient(id: string): { pool: Pool; client: AppClient } | undefined;
  /** Who shows the access token of `AccessToken`. */
  ownerOf(input: Input): Promise<{ pool: Pool; user: User }>;
}

export function createDirectory(pools: readonly Pool[]): Directory {
  const byId = new Map(pools.map((pool) => [pool.id, pool]));
  const clients = new Map(
    pools.flatMap((pool) => pool.clients.map((client) => [client.id, { pool, client }])),
  );
  return {
    pools,
    findClient: (id) => clients.get(id),
    poolOf(input) {
      const id = textOf(input, "UserPoolId");
      const pool = byId.get(id);
      if (pool === undefined) throw notFound(`User pool ${id} does not exist.`);
      return pool;
    },
    clientOf(input) {
      const id = textOf(input, "ClientId");
      const found = clients.get(id);
      if (found === undefined) throw notFound(`User pool client ${id} does not exist.`);
      return found;
    },
    async ownerOf(input) {
      const token = textOf(input, "AccessToken");
      const pool = pools.find(({ issuer }) => issuer === issuerOf(token));
      if (pool === undefined) throw notAuthorized("Invalid Access Token");
      return { pool, user: await readAccessToken(pool, token) };
    },
  };
}

/** A client with a secret must show that it knows it, for each user anew. */
export function assertSecretHash(
  { id, secret }: AppClient,
  given: string | undefined,
  usernames: readonly string[],
): void {
  if (secret === undefined) return;
  if (given === undefined) {
    throw notAuthorized(`Client ${id} is configured with secret but SECRET_HASH was not received`);
  }
  const hashes = usernames.map((username) => secretHash(username, { id, secret }));
  if (!hashes.some((hash) => isSameSecret(given, hash))) {
    throw notAuthorized(`Unable to verify secret hash for client ${id}`);
  }
}

/** Only to find the pool, which then verifies. */
function issuerOf(token: string): unknown {
  try {
    const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8");
    return (JSON.parse(claims) as { iss?: unknown } | null)?.iss;
  } catch {
    return undefined;
  }
}
