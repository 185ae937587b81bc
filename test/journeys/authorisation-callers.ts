import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { CONTEXTS } from "../../src/http/principal.ts";
import { PERMISSIONS } from "../../src/contexts/iam/catalogue.ts";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../support/callers.ts";
import type { Operation, RouteTable } from "./route-table.ts";

export const EVERY_PERMISSION: readonly string[] = CONTEXTS.flatMap((context) =>
  PERMISSIONS[context].map((permission) => `${context}:${permission}`),
);

/** Where the roles of `former` end by themselves; the others are taken. */
const ENDING: ReadonlySet<string> = new Set(["iam", "recipes_catalog"]);

export type Caller = Awaited<ReturnType<RouteTable["makeCaller"]>>;

/** Who asks, one for each column of the table that names a caller. */
export async function openAuthorisationCallers(table: RouteTable) {
  const { makeCaller } = table;
  const { database } = table.database;
  const tenantId = newId();
  await database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${tenantId}, 'other')`);

  const kept = new Map<string, Promise<unknown>>();
  function keep<T>(key: string, make: () => Promise<T>): Promise<T> {
    if (!kept.has(key)) kept.set(key, make());
    return kept.get(key) as Promise<T>;
  }

  const without = (names: readonly string[]) =>
    EVERY_PERMISSION.filter((name) => !names.includes(name));

  /** Gives somebody every permission, through the routes that are there for it. */
  async function giveAll(caller: Caller, expiresAt: string | undefined) {
    const { token } = table.administrator;
    for (const context of CONTEXTS) {
      const name = `all_${context}`;
      const role = { context, name, permissions: PERMISSIONS[context] };
      await table.ask({ method: "POST", path: "/v1/roles", token, body: role });
      // Both ways to lose a role, each for half of the routes.
      const end = ENDING.has(context) ? { expires_at: expiresAt } : {};
      const body = { role: { context, name }, ...end };
      const path = `/v1/users/${caller.id}/roles`;
      const given = await table.ask({ method: "POST", path, token, body });
      assert.equal(given.status, 200, given.text);
    }
  }

  /** Somebody whose roles are over since the server saw the token with them. */
  async function makeFormer(): Promise<Caller> {
    const caller = await makeCaller();
    const endMs = Date.now() + 2_500;
    await giveAll(caller, new Date(endMs).toISOString());
    const probe = async (path: string) => {
      const { token } = caller;
      return (await table.ask({ method: "GET", path, token })).status;
    };
    assert.equal(await probe("/v1/roles"), 200);
    assert.equal(await probe(`/v1/recipes/search?author_id=${newId()}`), 200);
    for (const context of CONTEXTS) {
      if (ENDING.has(context)) continue;
      const path = `/v1/users/${caller.id}/roles/${context}/all_${context}`;
      const { token } = table.administrator;
      assert.equal((await table.ask({ method: "DELETE", path, token })).status, 200);
    }
    await setTimeout(endMs - Date.now());
    return caller;
  }

  async function makeKey({ token }: Caller, scopes: readonly string[], names: readonly string[]) {
    const permissions = Object.fromEntries(
      CONTEXTS.map((context) => [
        context,
        names
          .filter((name) => name.startsWith(`${context}:`))
          .map((name) => name.slice(context.length + 1)),
      ]),
    );
    const body = { name: "matrix", scopes, permissions };
    const made = await table.ask({ method: "POST", path: "/auth/api-keys", token, body });
    assert.equal(made.status, 201, made.text);
    return made.body.key as string;
  }
  const keeper = () => keep("keeper", () => makeCaller(EVERY_PERMISSION));
  const keyOfKeeper = (scopes: readonly string[], names: readonly string[]) =>
    keep(`key ${scopes.join()} ${names.length}`, async () =>
      makeKey(await keeper(), scopes, names),
    );

  const makers = {
    owner: (names: readonly string[]) => makeCaller(names),
    plain: () => makeCaller(),
    unrelated: (names: readonly string[]) => makeCaller(without(names)),
    foreign: () => makeCaller(EVERY_PERMISSION, tenantId),
    former: () => makeFormer(),
    manager: (names: readonly string[]) => makeCaller(names),
  };

  return {
    tenantId,
    /** One for all who ask for the same, or a new one where a request may change its caller. */
    find(kind: keyof typeof makers, names: readonly string[], isFresh = false): Promise<Caller> {
      const make = () => makers[kind](names);
      // To lose roles takes time, and counts for nothing where a caller changes himself.
      if (isFresh && kind === "former") return makers.plain();
      return isFresh ? make() : keep(`${kind} ${names.join()}`, make);
    },
    /** Whose the last two keys are. */
    keeper,
    /** A key of the owner's own, with the owner's permissions. */
    ownKey: (owner: Caller, names: readonly string[]) =>
      keep(`own key ${owner.id}`, () => makeKey(owner, ["read", "write"], names)),
    /** A key with every permission, but for the other half of the routes. */
    keyOfOtherScope: ({ keyScope }: Operation) =>
      keyOfKeeper(
        keyScope === undefined ? ["read", "write"] : [keyScope === "read" ? "write" : "read"],
        EVERY_PERMISSION,
      ),
    /** A key of somebody with every permission, that was given none of them. */
    bareKey: () => keyOfKeeper(["read", "write"], []),
    /** Tokens of people with every permission whose sessions are over. */
    deadTokens: () =>
      keep("dead", async () => {
        const [ended, expired] = [
          await makeCaller(EVERY_PERMISSION),
          await makeCaller(EVERY_PERMISSION),
        ];
        await database.query(sql`
          UPDATE auth.sessions SET ended_at = now(), end_reason = 'test'
           WHERE id = ${ended.sessionId}`);
        await database.query(sql`
          UPDATE auth.sessions SET expires_at = now() - interval '1 second'
           WHERE id = ${expired.sessionId}`);
        return [ended.token, expired.token];
      }),
    /** Ids in a text that are users of the tenant of everybody but `foreign`. */
    async usersOfFirstTenant(text: string): Promise<readonly string[]> {
      const found = text.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
      const { rows } = await database.query<{ id: string }>(sql`
        SELECT id FROM iam.users
         WHERE id = ANY (${[...new Set(found)]}::uuid[]) AND tenant_id = ${DEFAULT_TENANT}`);
      return rows.map(({ id }) => id);
    },
  };
}

export type AuthorisationCallers = Awaited<ReturnType<typeof openAuthorisationCallers>>;
