import assert from "node:assert/strict";
import type { Passwords } from "../../src/auth/password/password-port.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { counted, watched, type Answer } from "../auth/accounts-rig.ts";

/** What a request was answered, and what it cost. */
export interface Work {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes, with the request id and the time taken out. */
  readonly text: string;
  readonly statements: readonly string[];
  readonly hashes: Readonly<{ hash: number; verify: number; matches: number; assess: number }>;
}

/**
 * Database and hashing whose work is counted. An application is started on both; `measure` then
 * runs one request at a time and tells its answer and its work.
 */
export function countWork(under: Database, real?: Passwords) {
  const { database, statements } = watched(under);
  const { calls, passwords } = counted(real);
  return {
    database,
    passwords,
    async measure(ask: () => Promise<Answer>): Promise<Work> {
      statements.length = 0;
      Object.assign(calls, { hash: 0, verify: 0, matches: 0, assess: 0 });
      const { status, headers, text } = await ask();
      const id = headers["x-request-id"] ?? "";
      return {
        status,
        headers: { ...headers, "x-request-id": "…" },
        text: text
          .replaceAll(id === "" ? "no id" : id, "…")
          .replace(/"timestamp":"[^"]+"/, '"timestamp":"…"'),
        statements: [...statements],
        hashes: { ...calls },
      };
    },
  };
}

/** Fails with the name of the first whose answer or work differs from that of the first of all. */
export function assertSameWork(outcomes: Readonly<Record<string, Work>>): void {
  const [[first, expected] = [], ...others] = Object.entries(outcomes);
  for (const [name, work] of others) {
    assert.deepEqual(work, expected, `"${name}" is told apart from "${first}"`);
  }
}
