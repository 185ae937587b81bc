import { riskLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Login, LoginHistory } from "./signals.ts";

type Asker = Transaction | Pick<Database, "query">;

export interface Whereabouts {
  readonly accountId: string;
  /** Digest of the device's secret. */
  readonly device: Buffer | undefined;
  /** As attempts are counted: one IPv4 address or one IPv6 /64. */
  readonly network: string;
}

interface HistoryRow {
  logins: number | null;
  hours: number[] | null;
  countries: string[] | null;
  agents: string[] | null;
  last_country: string | null;
  last_at: Date | null;
  devices: number;
  device_first_at: Date | null;
  device_logins: number | null;
  network_failures: number;
}

/** What came before a login; one statement, and no more rows than the limits. */
export async function loadHistory(
  asker: Asker,
  { accountId, device, network }: Whereabouts,
): Promise<Omit<LoginHistory, "hadReuse">> {
  const { rows } = await asker.query<HistoryRow>(sql`
    SELECT p.logins, p.hours, p.countries, p.agents, p.last_country, p.last_at,
           (SELECT count(*)::int FROM auth.known_devices k
             WHERE k.account_id = ${accountId}) AS devices,
           d.first_at AS device_first_at, d.logins AS device_logins,
           (SELECT count(*)::int FROM (
              SELECT FROM auth.login_delays l
               WHERE l.network = ${network}
                 AND l.failed_at > clock_timestamp()
                                   - make_interval(secs => ${limits.windowSeconds})
               LIMIT ${limits.stuffingIdentifiersCount}) AS failed) AS network_failures
      FROM (SELECT) AS one
      LEFT JOIN auth.login_profiles p ON p.account_id = ${accountId}
      LEFT JOIN auth.known_devices d
             ON d.account_id = ${accountId} AND d.digest = ${device ?? null}::bytea`);
  const row = rows[0]!;
  return {
    logins: row.logins ?? 0,
    hours: row.hours ?? [],
    countries: row.countries ?? [],
    agents: row.agents ?? [],
    lastCountry: row.last_country ?? undefined,
    lastAtMs: row.last_at?.getTime(),
    devices: row.devices,
    device:
      row.device_first_at === null
        ? undefined
        : { firstAtMs: row.device_first_at.getTime(), logins: row.device_logins! },
    networkFailures: row.network_failures,
  };
}

/** Adds a login to what is usual, in its transaction: one row for an account, however many. */
export async function learnLogin(tx: Transaction, accountId: string, login: Login): Promise<void> {
  const hour = Math.floor(login.nowMs / 3_600_000) % 24;
  const { country = null, agent = null } = login;
  const latest = (value: string | null, column: "countries" | "agents") => {
    const kept = column === "countries" ? sql`p.countries` : sql`p.agents`;
    return sql`CASE WHEN ${value}::text IS NULL THEN ${kept}
      ELSE (array_prepend(${value}::text, array_remove(${kept}, ${value}::text)))[1:${limits.keptPlacesCount}::int] END`;
  };
  await tx.query(sql`
    INSERT INTO auth.login_profiles AS p
      (account_id, logins, hours, countries, agents, last_country, last_at)
    VALUES (${accountId}, 1,
            (SELECT array_agg((h = ${hour})::int ORDER BY h) FROM generate_series(0, 23) AS h),
            array_remove(ARRAY[${country}::text], NULL), array_remove(ARRAY[${agent}::text], NULL),
            ${country}, clock_timestamp())
    ON CONFLICT (account_id) DO UPDATE
      SET logins = p.logins + 1,
          hours[${hour + 1}::int] = p.hours[${hour + 1}::int] + 1,
          countries = ${latest(country, "countries")},
          agents = ${latest(agent, "agents")},
          last_country = coalesce(excluded.last_country, p.last_country),
          last_at = excluded.last_at`);
}
