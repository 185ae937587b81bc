import { newId } from "../../platform/ids.ts";
import { riskLimits as limits, throttleLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

type Asker = Transaction | Pick<Database, "query">;

/** What several requests show together. */
export interface Finding {
  readonly kind: string;
  /** A network or an account. */
  readonly key: string;
  readonly details: Readonly<Record<string, string | number>>;
  /** Of the account, where who found it knows. */
  readonly tenantId?: string | undefined;
}

export interface Incident extends Finding {
  readonly id: string;
  readonly at: Date;
}

const window = sql`to_timestamp(floor(extract(epoch FROM clock_timestamp())
                                      / ${limits.incidentWindowSeconds}::integer)
                                * ${limits.incidentWindowSeconds}::integer)`;

/** Those of the findings that are not recorded in this window yet. */
export async function findUnknown(asker: Asker, findings: readonly Finding[]): Promise<Finding[]> {
  if (findings.length === 0) return [];
  const { rows } = await asker.query<{ position: number }>(sql`
    SELECT f.position::int AS position
      FROM unnest(${findings.map(({ kind }) => kind)}::text[],
                  ${findings.map(({ key }) => key)}::text[])
           WITH ORDINALITY AS f (kind, key, position)
     WHERE NOT EXISTS (SELECT FROM auth.incidents i
                        WHERE i.kind = f.kind AND i.key = f.key AND i.window_at = ${window})
     ORDER BY f.position`);
  return rows.map(({ position }) => findings[position - 1]!);
}

/** Records a finding once for its window. False: it is known. */
export async function recordIncident(asker: Asker, finding: Finding): Promise<boolean> {
  const { rowCount } = await asker.query(sql`
    INSERT INTO auth.incidents (id, kind, key, window_at, details)
    VALUES (${newId()}, ${finding.kind}, ${finding.key}, ${window},
            ${JSON.stringify(finding.details)}::jsonb)
    ON CONFLICT ON CONSTRAINT incidents_once DO NOTHING`);
  return rowCount === 1;
}

/** Networks from which many identifiers had wrong passwords not long ago. */
export async function findStuffingNetworks(asker: Asker): Promise<Finding[]> {
  const { rows } = await asker.query<{
    network: string;
    identifiers: number;
    failures: number;
  }>(sql`
    SELECT network, count(*)::int AS identifiers, sum(failures)::int AS failures
      FROM auth.login_delays
     WHERE failed_at > clock_timestamp() - make_interval(secs => ${limits.windowSeconds}::integer)
     GROUP BY network HAVING count(*) >= ${limits.stuffingIdentifiersCount}
     ORDER BY identifiers DESC LIMIT ${limits.findingsMaxCount}`);
  return rows.map(({ network, identifiers, failures }) => ({
    kind: "stuffing_network",
    key: network,
    details: { identifiers, failures },
  }));
}

/** Accounts that had wrong passwords from many networks not long ago. */
export async function findTargetedAccounts(asker: Asker): Promise<Finding[]> {
  const { rows } = await asker.query<{ account: string; networks: number; failures: number }>(sql`
    SELECT account_id AS account, count(DISTINCT network)::int AS networks,
           sum(failures)::int AS failures
      FROM auth.login_delays
     WHERE account_id IS NOT NULL
       AND failed_at > clock_timestamp() - make_interval(secs => ${limits.windowSeconds}::integer)
     GROUP BY account_id HAVING count(DISTINCT network) >= ${limits.targetNetworksCount}
     ORDER BY networks DESC LIMIT ${limits.findingsMaxCount}`);
  return rows.map(({ account, networks, failures }) => ({
    kind: "targeted_account",
    key: account,
    details: { networks, failures },
  }));
}

/** The newest first. */
export async function listIncidents(
  database: Pick<Database, "query">,
  page: { readonly skip: number; readonly limit: number },
): Promise<{ incidents: Incident[]; total: number }> {
  const { rows } = await database.query<Incident & { total: number }>(sql`
    SELECT i.id, i.kind, i.key, i.details, i.at, counted.total
      FROM (SELECT count(*)::int AS total FROM auth.incidents) counted
      LEFT JOIN (SELECT * FROM auth.incidents ORDER BY at DESC, id DESC
                 LIMIT ${page.limit} OFFSET ${page.skip}) i ON true
     ORDER BY i.at DESC, i.id DESC`);
  return {
    incidents: rows
      .filter(({ id }) => id !== null)
      .map(({ id, kind, key, details, at }) => ({ id, kind, key, details, at })),
    total: rows[0]?.total ?? 0,
  };
}

/** Removes a batch of incidents that nobody will look at any more; returns how many went. */
export async function removeOldIncidents(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.incidents WHERE id IN (
      SELECT id FROM auth.incidents
       WHERE at < clock_timestamp() - make_interval(secs => ${limits.incidentKeptSeconds}::integer)
       LIMIT ${throttleLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
