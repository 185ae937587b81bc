import { randomUUID } from "node:crypto";
import { recordEvent, type AuditEvent } from "../../../src/auth/audit/store.ts";
import { sealEvents } from "../../../src/auth/audit/seal.ts";
import { NO_TENANT_CHAIN } from "../../../src/auth/audit/chain.ts";
import { verifyAudit, type Anchor, type ChainReport } from "../../../src/auth/audit/verify.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withServer, type TestDatabase } from "../../support/database.ts";

/** A tenant's chain in a database of the test, and somebody who may do everything to it. */
export function createChain({ database, url }: TestDatabase, tenantId: string = randomUUID()) {
  const chain = tenantId === "" ? NO_TENANT_CHAIN : tenantId;
  return {
    tenantId,
    write: (event: Partial<AuditEvent> = {}) =>
      recordEvent(database, {
        action: "logout",
        ...(tenantId === "" ? {} : { tenantId }),
        ...event,
      }),
    seal: async () => {
      let count = 0;
      for (let sealed = -1; sealed !== 0; count += sealed) sealed = await sealEvents(database);
      return count;
    },
    async report(anchor?: Anchor): Promise<ChainReport> {
      const [report] = await verifyAudit(database, chain, anchor);
      return report!;
    },
    /** What somebody with every right does behind our back. */
    forge: (...statements: string[]) =>
      withServer(url, async (client) => {
        // No trigger of ours is asked.
        await client.query("SET session_replication_role = replica");
        for (const statement of statements) await client.query(statement);
      }),
    /** The number of the event at a place of the chain. */
    async numberAt(position: number): Promise<number> {
      const [row] = await database.read<{ number: number }>(sql`
        SELECT number FROM auth.audit_seals WHERE chain = ${chain} AND position = ${position}`);
      return row!.number;
    },
    read: <T>(statement: Sql) => database.read<T>(statement),
  };
}

export type TestChain = ReturnType<typeof createChain>;
