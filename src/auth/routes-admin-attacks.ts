import { pageQuery, pagination, readPage, toPagination } from "../http/paging.ts";
import { json, noContent } from "../http/reply.ts";
import { defineRoute, needs, type Route } from "../http/route.ts";
import type { AnyRequest } from "../http/request.ts";
import { closed, instant, optionalText, Type, uuid } from "../http/schema.ts";
import { DEFAULT_TENANT_ID, newId } from "../platform/ids.ts";
import { platformErrors } from "../platform/errors.ts";
import { networkLimits as limits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import { findAccountById } from "./accounts/store.ts";
import { unlock } from "./alerts/unlock.ts";
import { placeOf } from "./audit/place.ts";
import { recordEvent, type AuditAction } from "./audit/store.ts";
import { authErrors } from "./errors.ts";
import type { Invalidate } from "./index.ts";
import { createNetworkSet, readCidr, type Cidr } from "./network/cidr.ts";
import { deleteBlock, insertBlock, listBlocks, type NetworkBlock } from "./network/store-blocks.ts";
import { listIncidents } from "./risk/store-incidents.ts";
import { actorOf, ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";

export interface AdminAttackDeps {
  readonly database: Database;
  readonly invalidate: Invalidate;
}

const TAG = "admin";
const AUDITORS = needs("iam", "view_audit_log");

const block = closed({
  id: uuid,
  network: Type.String(),
  reason: optionalText,
  automatic: Type.Boolean({ description: "Made by ourselves; lets known devices pass." }),
  created_by: optionalText,
  created_at: instant,
  ends_at: Type.Union([instant, Type.Null()]),
});
const incident = closed({
  id: uuid,
  kind: Type.String(),
  key: Type.String({ description: "A network or an account." }),
  details: Type.Record(Type.String(), Type.Unknown()),
  at: instant,
});

/** Blocked networks and incidents of the whole server, and locks of the caller's tenant. */
export function createAdminAttackRoutes(deps: AdminAttackDeps): Route[] {
  return [
    listBlocksRoute(deps),
    addBlockRoute(deps),
    removeBlockRoute(deps),
    listIncidentsRoute(deps),
    unlockRoute(deps),
  ];
}

const listBlocksRoute = ({ database }: AdminAttackDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/network-blocks",
    summary: "Lists the networks that are shut out now, those that somebody blocked first",
    tag: TAG,
    access: ADMINS,
    responses: { 200: { description: "All of them", schema: closed({ data: Type.Array(block) }) } },
    async handler(request) {
      assertServerAdmin(request);
      const blocks = await listBlocks(database, limits.blocksMaxCount);
      return json(200, { data: blocks.map(toBlock) }, NO_STORE);
    },
  });

const addBlockRoute = (deps: AdminAttackDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/network-blocks",
    summary: "Shuts a network out of every login, for a time or until it is removed",
    tag: TAG,
    access: ADMINS,
    body: closed({
      network: Type.String({ minLength: 2, maxLength: 64, description: "CIDR, IPv4 or IPv6." }),
      seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.blockSecondsMax })),
      reason: Type.Optional(Type.String({ minLength: 1, maxLength: limits.reasonMaxCharacters })),
    }),
    bodyExample: { network: "203.0.113.0/24", seconds: 86_400, reason: "credential stuffing" },
    responses: {
      201: { description: "In force", schema: closed({ data: block }) },
      409: { description: "`conflict`: there are as many as there may be" },
      422: { description: "No network, one that is too wide, or the caller's own" },
    },
    async handler(request) {
      assertServerAdmin(request);
      const { seconds, reason } = request.body;
      const cidr = readNetwork(request);
      const live = await listBlocks(deps.database, limits.blocksMaxCount);
      // Our own make room for these: an attacker must not decide whether there is any.
      const manual = live.filter(({ isAutomatic }) => !isAutomatic);
      if (manual.length >= limits.blocksMaxCount) throw platformErrors.failure("conflict");
      const made = await deps.database.withTransaction(
        async (tx) => {
          const added = await insertBlock(tx, {
            id: newId(),
            network: `${cidr.address}/${cidr.prefix}`,
            reason,
            isAutomatic: false,
            createdBy: actorOf(request.principal),
            seconds,
          });
          await recordEvent(tx, eventOf(request, "network.block", added.network));
          deps.invalidate(tx, [{ kind: "policies" }]);
          return added;
        },
        { revocation: true },
      );
      return json(201, { data: toBlock(made) }, NO_STORE);
    },
  });

const removeBlockRoute = (deps: AdminAttackDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/network-blocks/{block_id}",
    summary: "Lets a network in again",
    tag: TAG,
    access: ADMINS,
    params: closed({ block_id: uuid }),
    responses: { 204: { description: "Gone" }, 404: { description: "`not_found`" } },
    async handler(request) {
      assertServerAdmin(request);
      await deps.database.withTransaction(
        async (tx) => {
          const gone = await deleteBlock(tx, request.params.block_id);
          if (gone === undefined) throw platformErrors.failure("not_found");
          await recordEvent(tx, eventOf(request, "network.unblock", gone.network));
          deps.invalidate(tx, [{ kind: "policies" }]);
        },
        { revocation: true },
      );
      return noContent();
    },
  });

const listIncidentsRoute = ({ database }: AdminAttackDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/incidents",
    summary: "Lists what several requests showed together, the newest first",
    tag: TAG,
    access: AUDITORS,
    query: closed(pageQuery),
    responses: {
      200: { description: "One page", schema: closed({ data: Type.Array(incident), pagination }) },
    },
    async handler(request) {
      assertServerAdmin(request);
      const page = readPage(request.query);
      const { incidents, total } = await listIncidents(database, page);
      const data = incidents.map(({ at, ...rest }) => ({ ...rest, at: at.toISOString() }));
      return json(200, { data, pagination: toPagination(page, total) }, NO_STORE);
    },
  });

const unlockRoute = ({ database }: AdminAttackDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/accounts/{account_id}/unlock",
    summary: "Ends the lock that wrong passwords began, for an account of the caller's tenant",
    tag: TAG,
    access: ADMINS,
    params: closed({ account_id: uuid }),
    responses: { 204: { description: "Not locked" }, 404: { description: "`not_found`" } },
    async handler(request) {
      const { tenantId } = request.principal;
      const account = await findAccountById(database, request.params.account_id);
      if (account === undefined || account.tenantId !== tenantId) {
        throw platformErrors.failure("not_found");
      }
      const by = { actor: actorOf(request.principal), reason: "administrator", tenantId };
      await database.withTransaction((tx) => unlock(tx, account.id, by, callerOf(request)));
      return noContent();
    },
  });

/** What holds for all tenants is decided in the first of them. */
function assertServerAdmin({ principal }: AnyRequest): void {
  if (principal.tenantId !== DEFAULT_TENANT_ID) throw authErrors.failure("permission_denied");
}

/** Throws `validation_failed`. */
function readNetwork(request: AnyRequest): Cidr {
  const cidr = readCidr((request.body as { network: string }).network);
  const least = cidr?.family === "ipv6" ? limits.prefixMinBits6 : limits.prefixMinBits4;
  const fault =
    cidr === undefined
      ? { code: "network_invalid", message: "must be an address or a CIDR block" }
      : cidr.prefix < least
        ? { code: "too_wide", message: `must name at least ${least} bits` }
        : createNetworkSet([cidr])(callerOf(request).address)
          ? { code: "own_network", message: "must not hold the caller's own address" }
          : undefined;
  if (cidr !== undefined && fault === undefined) return cidr;
  throw platformErrors.failure("validation_failed", {
    errors: [{ path: "/body/network", ...fault! }],
  });
}

function eventOf(request: AnyRequest, action: AuditAction, network: string) {
  const { tenantId } = request.principal;
  const place = placeOf(callerOf(request));
  return { ...place, action, actor: actorOf(request.principal), tenantId, reason: network };
}

function toBlock(made: NetworkBlock) {
  return {
    id: made.id,
    network: made.network,
    reason: made.reason ?? null,
    automatic: made.isAutomatic,
    created_by: made.createdBy ?? null,
    created_at: made.createdAt.toISOString(),
    ends_at: made.endsAt?.toISOString() ?? null,
  };
}
