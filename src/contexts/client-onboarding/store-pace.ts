import { typeformLimits as limits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** When the next call may be made. */
export type Turn =
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "full"; readonly seconds: number };

const now = sql`clock_timestamp()`;
const seconds = (count: number) => sql`make_interval(secs => ${count})`;

/** The rhythm of the calls with one key, on the database's clock: all processes keep it. */
export function createPace(database: Pick<Database, "query">) {
  return {
    /** Takes the next turn, unless too many wait. */
    async takeTurn(name: string): Promise<Turn> {
      const { rows } = await database.query<{ seconds: number }>(sql`
        insert into client_onboarding.typeform_pace as p (name, next_at)
        values (${name}, ${now} + ${seconds(limits.callEverySeconds)})
        on conflict (name) do update
           set next_at = greatest(p.next_at, ${now}) + ${seconds(limits.callEverySeconds)}
         where p.next_at <= ${now} + ${seconds(limits.turnWaitMaxSeconds)}
        returning extract(epoch from p.next_at - ${now})::float8 as seconds`);
      const [turn] = rows;
      if (turn === undefined) return { kind: "full", seconds: await this.secondsToNext(name) };
      return { kind: "wait", seconds: Math.max(0, turn.seconds - limits.callEverySeconds) };
    },

    async secondsToNext(name: string): Promise<number> {
      const { rows } = await database.query<{ seconds: number }>(sql`
        select extract(epoch from next_at - ${now})::float8 as seconds
          from client_onboarding.typeform_pace where name = ${name}`);
      return Math.max(0, rows[0]?.seconds ?? 0);
    },

    /** TypeForm asked for a pause: everybody keeps it. */
    async pause(name: string, count: number): Promise<void> {
      await database.query(sql`
        insert into client_onboarding.typeform_pace as p (name, next_at)
        values (${name}, ${now} + ${seconds(count)})
        on conflict (name) do update set next_at = greatest(p.next_at, excluded.next_at)`);
    },
  };
}

export type Pace = ReturnType<typeof createPace>;
