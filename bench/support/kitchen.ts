import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProductsCatalog, seedProducts } from "../../src/contexts/products-catalog/index.ts";
import { seedRecipes } from "../../src/contexts/recipes-catalog/index.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startEmbeddedPostgres } from "../../src/platform/embedded-postgres.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { createDatabase, type Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { openCallers, type Caller } from "../../test/support/callers.ts";
import { silentLog } from "../../test/support/log.ts";
import { furnish } from "./furnish.ts";
import { leaveTraces } from "./traces.ts";

export interface KitchenSizes {
  readonly products: number;
  readonly recipes: number;
  readonly clients: number;
}

/** A caller with a token. */
export interface Cook extends Caller {
  readonly token: string;
}

export interface Kitchen {
  readonly url: string;
  readonly database: Database;
  /** Whose recipes, clients and forms they all are; holds no permission. */
  readonly owner: Cook;
  /** Holds every permission that is named. */
  makeManager(permissions: readonly string[]): Promise<Cook>;
  close(): Promise<void>;
}

/**
 * A PostgreSQL of its own that counts its statements, with a database filled as `brigade seed`
 * fills one, and with what comes to that in use: tags, ratings, forms with answers, shopping lists.
 * In the folder that `BENCH_FOLDER` names it is kept for the next time.
 */
export async function openKitchen(sizes: KitchenSizes): Promise<Kitchen> {
  const kept = process.env["BENCH_FOLDER"];
  const folder = kept ?? (await mkdtemp(join(tmpdir(), "brigade-bench-")));
  const server = await startEmbeddedPostgres(folder, {
    log: silentLog,
    settings: { shared_preload_libraries: "pg_stat_statements", track_io_timing: "on" },
  });
  await migrate(server.url, silentLog);
  const database = createDatabase({
    url: server.url,
    connections: 4,
    applicationName: "bench",
    statementTimeoutMs: 600_000,
    log: silentLog,
  });
  const close = async () => {
    await database.end();
    await server.stop();
    if (kept === undefined) await rm(folder, { recursive: true, force: true });
  };
  const callers = await openCallers({ url: server.url, database, drop: close });
  const open = async (caller: Caller): Promise<Cook> => ({
    ...caller,
    token: (await callers.openTokens(caller)).accessToken,
  });
  const known = await findOwner(database);
  const owner = known ?? (await callers.makeCaller());
  if (known === undefined) await fill(database, owner, sizes);
  await leaveTraces(database, { tenantId: owner.tenantId, authorId: owner.id });
  return {
    url: server.url,
    database,
    owner: await open(owner),
    async makeManager(permissions) {
      const manager = await callers.makeCaller();
      await callers.give(manager, permissions);
      return open(manager);
    },
    close,
  };
}

/** Whose everything is in a folder that was kept; undefined unless it was filled to the end. */
async function findOwner(database: Database): Promise<Caller | undefined> {
  const { rows } = await database.query<Caller>(sql`
    select a.id, a.tenant_id as "tenantId", a.email
      from client_onboarding.onboarding_forms f join auth.accounts a on a.id = f.user_id
     order by f.id limit 1`);
  return rows[0];
}

async function fill(database: Database, owner: Caller, sizes: KitchenSizes): Promise<void> {
  await seedProducts(database, sizes.products);
  const { similarProducts } = createProductsCatalog({
    database,
    clock: systemClock,
    log: silentLog,
  });
  const whose = { tenantId: owner.tenantId, authorId: owner.id };
  await seedRecipes(database, similarProducts, { ...sizes, ...whose });
  await furnish(database, whose);
  await database.query(sql`create extension if not exists pg_stat_statements`);
  await database.query(sql`vacuum analyze`);
}
