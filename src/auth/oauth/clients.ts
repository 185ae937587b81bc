import { systemClock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { clientLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import type { Invalidate, InvalidationReceipt, ProvisionUser } from "../index.ts";
import type { Caller } from "../session/open.ts";
import { makeSecret } from "./secret.ts";
import {
  countClients,
  holdClient,
  insertClient,
  removeClient,
  replaceSecret,
  setClientActive,
  type Client,
} from "./store.ts";

export interface ClientsOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly provisionUser: ProvisionUser;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

/** Who changes a client, and from where; the command line comes from nowhere. */
export interface ClientActor {
  readonly tenantId: string;
  readonly actor: string;
  readonly caller: Caller | undefined;
}

export interface ClientRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly refreshTokens: boolean;
}

/** Told once: the secret is nowhere kept. */
export interface ClientWithSecret {
  readonly client: Client;
  readonly secret: string;
}

export interface ChangedClient {
  readonly client: Client;
  readonly receipt: InvalidationReceipt;
}

/** Machine clients of a tenant. Each throws `not_found` for another tenant's client. */
export interface Clients {
  /** With an IAM user of its own, to which roles are given. Throws `conflict` at the limit. */
  create(request: ClientRequest, by: ClientActor): Promise<ClientWithSecret>;
  /** The former secret stays good for `overlapSeconds`; 0 ends it, and all tokens, at once. */
  rotateSecret(id: string, overlapSeconds: number, by: ClientActor): Promise<ClientWithSecret>;
  /** Either way the tokens it has are refused from the next request on. */
  setActive(id: string, active: boolean, by: ClientActor): Promise<ChangedClient>;
  remove(id: string, by: ClientActor): Promise<InvalidationReceipt>;
}

export function createClients(options: ClientsOptions): Clients {
  const { database } = options;
  const revocation = { revocation: true };
  return {
    create: (request, by) => database.withTransaction((tx) => create(tx, options, request, by)),
    rotateSecret(id, overlapSeconds, by) {
      const { secret, digest } = makeSecret();
      return database.withTransaction(async (tx) => {
        const held = await hold(tx, id, by);
        let client = await replaceSecret(tx, id, digest, overlapSeconds);
        if (overlapSeconds === 0) client = await setClientActive(tx, id, held.active, newId());
        await record(tx, "client.rotate", id, by, `overlap ${overlapSeconds} s`);
        takeAway(tx, options, held);
        return { client, secret };
      }, revocation);
    },
    setActive: (id, active, by) =>
      database.withTransaction(async (tx) => {
        const held = await hold(tx, id, by);
        const client = await setClientActive(tx, id, active, newId());
        await record(tx, active ? "client.enable" : "client.disable", id, by);
        return { client, receipt: takeAway(tx, options, held) };
      }, revocation),
    remove: (id, by) =>
      database.withTransaction(async (tx) => {
        const held = await hold(tx, id, by);
        await removeClient(tx, id);
        await record(tx, "client.remove", id, by);
        return takeAway(tx, options, held);
      }, revocation),
  };
}

async function create(
  tx: Transaction,
  { provisionUser, ownIssuer: issuer, invalidate }: ClientsOptions,
  { refreshTokens, ...request }: ClientRequest,
  by: ClientActor,
): Promise<ClientWithSecret> {
  const { tenantId, actor: createdBy } = by;
  if ((await countClients(tx, tenantId)) >= clientLimits.perTenantMaxCount) {
    throw platformErrors.failure("conflict", {
      detail: "The tenant has as many clients as it may",
    });
  }
  const id = newId(systemClock);
  const { secret, digest: secretDigest } = makeSecret();
  const sessionId = newId(systemClock);
  await provisionUser(tx, { userId: id, issuer, subject: id, tenantId });
  const fields = { ...request, id, tenantId, sessionId, secretDigest, refreshTokens, createdBy };
  const client = await insertClient(tx, fields);
  await record(tx, "client.create", id, by);
  // A thread may remember that there was no such client.
  invalidate(tx, [{ kind: "clients" }]);
  return { client, secret };
}

async function hold(tx: Transaction, id: string, { tenantId }: ClientActor): Promise<Client> {
  const client = await holdClient(tx, id, tenantId);
  if (client === undefined) throw platformErrors.failure("not_found");
  return client;
}

/** What any thread knows of the client, and every token with the session it had. */
function takeAway(
  tx: Transaction,
  { invalidate, ownIssuer: issuer }: ClientsOptions,
  { id: subject, sessionId }: Client,
): InvalidationReceipt {
  return invalidate(tx, [
    { kind: "clients" },
    { kind: "session", id: sessionId },
    { kind: "identity", issuer, subject },
  ]);
}

function record(
  tx: Transaction,
  action: Extract<AuditAction, `client.${string}`>,
  subject: string,
  { actor, tenantId, caller }: ClientActor,
  reason?: string,
): Promise<void> {
  const place = caller === undefined ? {} : placeOf(caller);
  return recordEvent(tx, { action, actor, subject, tenantId, reason, ...place });
}
