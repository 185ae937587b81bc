import type { Database } from "../../src/platform/postgres.ts";
import type { Sql } from "../../src/platform/sql.ts";

/** The same database, which shows every statement that goes through it, those of transactions too. */
export function showing(database: Database, show: (statement: Sql) => void): Database {
  const shown = (statement: Sql) => {
    show(statement);
    return statement;
  };
  return {
    ...database,
    read: (statement) => database.read(shown(statement)),
    query: (statement) => database.query(shown(statement)),
    withTransaction: (body, settings) =>
      database.withTransaction(
        (tx) => body({ ...tx, query: (statement) => tx.query(shown(statement)) }),
        settings,
      ),
  };
}
