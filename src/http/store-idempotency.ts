import { platformErrors } from "../platform/errors.ts";
import { idempotencyLimits as limits } from "../platform/limits.ts";
import type { Database, Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";

/** One attempt to carry a request out. */
export interface Claim {
  /** Who calls, in words that nobody else has. */
  readonly caller: string;
  readonly key: string;
  /** Of this attempt alone. */
  readonly id: string;
}

/** An answer as it is given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What an earlier request with the same key has come to. */
export interface Earlier {
  readonly fingerprint: Buffer;
  readonly state: "running" | "committed" | "answered";
  /** Its answer may still come. */
  readonly isRunning: boolean;
  readonly answer: KeptAnswer | undefined;
}

interface Row {
  fingerprint: Buffer;
  state: Earlier["state"];
  is_running: boolean;
  status: number | null;
  headers: Record<string, string> | null;
  body: string | null;
}

/**
 * Takes the key for this attempt, or tells what was there. A row that is over, and one whose attempt
 * died before anything happened, is taken over.
 */
export async function takeKey(
  database: Pick<Database, "query">,
  claim: Claim,
  fingerprint: Buffer,
): Promise<Earlier | undefined> {
  // Between the two statements a row may go: then it is tried again.
  for (;;) {
    const { rowCount } = await database.query(sql`
      INSERT INTO http.idempotent_requests AS r
             (caller, key, claim, fingerprint, state, running_until)
      VALUES (${claim.caller}, ${claim.key}, ${claim.id}, ${fingerprint}, 'running',
              clock_timestamp() + make_interval(secs => ${limits.runningSeconds}))
      ON CONFLICT (caller, key) DO UPDATE
        SET claim = excluded.claim, fingerprint = excluded.fingerprint, state = 'running',
            running_until = excluded.running_until, created_at = excluded.created_at,
            status = NULL, headers = NULL, body = NULL
        WHERE r.created_at < clock_timestamp() - make_interval(secs => ${limits.keptSeconds})
           OR (r.state = 'running' AND r.running_until < clock_timestamp()
               AND r.fingerprint = excluded.fingerprint)`);
    if (rowCount === 1) return undefined;
    // One whose time ran out between the two was not carried out: the next repetition takes it over.
    const { rows } = await database.query<Row>(sql`
      SELECT fingerprint, state, status, headers, body,
             state = 'running' OR (state = 'committed' AND running_until > clock_timestamp())
               AS is_running
        FROM http.idempotent_requests
       WHERE caller = ${claim.caller} AND key = ${claim.key}`);
    const row = rows[0];
    if (row !== undefined) return toEarlier(row);
  }
}

function toEarlier(row: Row): Earlier {
  const { fingerprint, state, is_running: isRunning, status, headers, body } = row;
  const answer = status === null ? undefined : { status, headers: headers ?? {}, body: body ?? "" };
  return { fingerprint, state, isRunning, answer };
}

/**
 * Inside a transaction of the attempt: from its commit on the request has been carried out. Throws
 * when another attempt has taken the key over; then nothing of this one may happen.
 */
export async function markCommitted(tx: Transaction, claim: Claim): Promise<void> {
  const { rowCount } = await tx.query(sql`
    UPDATE http.idempotent_requests SET state = 'committed'
     WHERE caller = ${claim.caller} AND key = ${claim.key} AND claim = ${claim.id}
       AND state <> 'answered'`);
  if (rowCount === 1) return;
  throw platformErrors.failure("unavailable", { note: "another attempt has the idempotency key" });
}

/** Keeps the answer for whoever repeats the request. */
export async function keepAnswer(
  database: Pick<Database, "query">,
  claim: Claim,
  answer: KeptAnswer,
): Promise<void> {
  await database.query(sql`
    UPDATE http.idempotent_requests
       SET state = 'answered', status = ${answer.status},
           headers = ${JSON.stringify(answer.headers)}::jsonb, body = ${answer.body}
     WHERE caller = ${claim.caller} AND key = ${claim.key} AND claim = ${claim.id}`);
}

/** The request was carried out, and its answer is kept for nobody. */
export async function keepNoAnswer(database: Pick<Database, "query">, claim: Claim): Promise<void> {
  await database.query(sql`
    UPDATE http.idempotent_requests SET state = 'committed', running_until = clock_timestamp()
     WHERE caller = ${claim.caller} AND key = ${claim.key} AND claim = ${claim.id}`);
}

/** Gives the key back, unless something has happened under it. */
export async function releaseKey(database: Pick<Database, "query">, claim: Claim): Promise<void> {
  await database.query(sql`
    DELETE FROM http.idempotent_requests
     WHERE caller = ${claim.caller} AND key = ${claim.key} AND claim = ${claim.id}
       AND state = 'running'`);
}

/** Removes what is too old to count, a batch; answers how many. */
export async function removeOldKeys(database: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await database.query(sql`
    DELETE FROM http.idempotent_requests
     WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM http.idempotent_requests
        WHERE created_at < clock_timestamp() - make_interval(secs => ${limits.keptSeconds})
        LIMIT ${limits.removeBatchMax}))`);
  return rowCount;
}
