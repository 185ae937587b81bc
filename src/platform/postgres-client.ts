import pg from "pg";
import { databaseLimits } from "./limits.ts";
import type { Sql } from "./sql.ts";

export interface ConnectionOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly statementTimeoutMs?: number;
}

export interface Result<T> {
  rows: T[];
  rowCount: number;
}

// Counts are 64 bits wide on the wire and far below 2^53 in fact; a calendar day is no instant.
const toNumber = (text: string) => Number(text);
const toText = (text: string) => text;
const INT8_OID = 20;
const DATE_OID = 1082;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (oid === INT8_OID) return toNumber;
    if (oid === DATE_OID) return toText;
    return pg.types.getTypeParser(
      oid as Parameters<typeof pg.types.getTypeParser>[0],
      format as "text",
    );
  }) as typeof pg.types.getTypeParser,
};

/** pg's settings of every connection we open: nothing waits for ever. */
export function clientConfig(options: ConnectionOptions): pg.ClientConfig {
  const statementTimeoutMs = options.statementTimeoutMs ?? databaseLimits.statementTimeoutMs;
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: databaseLimits.connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // The server answers first, unless it or the network is gone.
    query_timeout: statementTimeoutMs + databaseLimits.statementSlackMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: databaseLimits.keepAliveDelayMs,
    types,
  };
}

/** A connection of one's own; not connected yet. Pipelined: single statements only. */
export function createClient(options: ConnectionOptions, pipeline: boolean): pg.Client {
  return new pg.Client({ ...clientConfig(options), pipeline });
}

/** A statement as pg takes it; the name makes the connection keep the plan. */
export function toQuery(statement: Sql): pg.QueryConfig {
  const { text, values, name } = statement;
  return { text, values: values as unknown[], ...(name === undefined ? {} : { name }) };
}

export function toResult<T>(result: pg.QueryResult): Result<T> {
  return { rows: result.rows as T[], rowCount: result.rowCount ?? 0 };
}
