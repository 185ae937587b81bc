import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import type { Database } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";

/** Work that some process has to do now and then; which one does not matter. */
export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** So often that what it did is no news. */
  readonly quiet?: boolean;
  /** One batch; returns how many rows it dealt with. Called again at once until that is none. */
  run(database: Database, config: Config): Promise<number>;
}

export interface JobParts {
  readonly config: Config;
  readonly database: Database;
  readonly log: Logger;
}

export interface Jobs {
  stop(): Promise<void>;
}

/**
 * Runs each job on its own timer. A row with the time of the last turn lets one process of the
 * cluster take each turn; the others skip it. A failed run is logged and tried again at the next turn.
 */
export function startJobs(jobs: readonly Job[], { config, database, log }: JobParts): Jobs {
  let stopping = false;
  const running = new Set<Promise<void>>();
  const timers = jobs.map((job) => {
    const turn = () => {
      if (stopping) return;
      const work = runOnce(job, { config, database, log }).finally(() => running.delete(work));
      running.add(work);
    };
    // Spread over the period, so that the processes of a cluster do not all come at once.
    const timer = setInterval(turn, job.everyMs * (0.9 + Math.random() * 0.2));
    timer.unref();
    return timer;
  });
  return {
    async stop() {
      stopping = true;
      for (const timer of timers) clearInterval(timer);
      await Promise.allSettled(running);
    },
  };
}

async function runOnce(job: Job, { config, database, log }: JobParts): Promise<void> {
  try {
    if (!(await takeTurn(job, database))) return;
    let rows = 0;
    for (let batch = 0; batch < BATCHES_MAX; batch++) {
      const done = await job.run(database, config);
      rows += done;
      if (done === 0) break;
    }
    if (rows > 0) log[job.quiet === true ? "debug" : "info"]({ job: job.name, rows }, "job done");
  } catch (error) {
    log.warn({ job: job.name, err: error }, "job failed; it is tried again at the next turn");
  }
}

const BATCHES_MAX = 100;

/** One row per job says when it was last begun: the first process of a period gets the turn. */
async function takeTurn(job: Job, database: Database): Promise<boolean> {
  const { rowCount } = await database.query(sql`
    INSERT INTO platform.job_turns (name, begun_at) VALUES (${job.name}, now())
    ON CONFLICT (name) DO UPDATE SET begun_at = now()
    WHERE job_turns.begun_at < now() - make_interval(secs => ${(job.everyMs * 0.8) / 1000})`);
  return rowCount === 1;
}
