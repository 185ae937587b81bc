import { keyLimits } from "../../platform/limits.ts";
import * as outbox from "../../platform/outbox-reseal.ts";
import { contextOf as outboxContext } from "../../platform/outbox-sealed.ts";
import type { Database } from "../../platform/postgres.ts";
import type { ResealedRows, SealedCount, SealedRow, SealedTable } from "../../platform/sealer.ts";
import { recordEvent } from "../audit/store.ts";
import { totpContext } from "../mfa/sealing.ts";
import * as totp from "../mfa/store-totp.ts";
import { seal, unseal, type SealingKey } from "./envelope.ts";
import { KeyFault } from "./material.ts";
import { readSealingKeys, type SealingSettings } from "./sealing-keys.ts";

const totpTable = (name: string, table: totp.TotpTable): SealedTable => ({
  name,
  page: (database, page) => totp.pageSealedByOthers(database, table, page),
  replace: (tx, rows) => totp.replaceSealed(tx, table, rows),
  count: (database) => totp.countSealed(database, table),
  contextOf: totpContext,
});

const TABLES: readonly SealedTable[] = Object.freeze([
  totpTable("code generators", "totp"),
  totpTable("code generators to be confirmed", "totp_enrolments"),
  {
    name: "outbox entries",
    page: outbox.pageSealedByOthers,
    replace: outbox.replaceSealed,
    count: outbox.countSealed,
    contextOf: outboxContext,
  },
]);

export interface Resealed {
  readonly name: string;
  readonly sealed: number;
  /** Open with none of the keys given. */
  readonly left: number;
}

const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";

/**
 * Seals with the first key-encryption key what another one sealed: batch by batch, each in a
 * transaction of its own, so that nobody waits for long and whoever is killed goes on where it was.
 * What changes meanwhile was sealed by its writer.
 */
export async function resealSecrets({
  database,
  config,
  others = [],
}: {
  readonly database: Database;
  readonly config: SealingSettings;
  /** Tables of the contexts. */
  readonly others?: readonly SealedTable[];
}): Promise<readonly Resealed[]> {
  const keys = await readSealingKeys(config);
  const done: Resealed[] = [];
  for (const table of [...TABLES, ...others]) done.push(await resealTable(database, table, keys));
  return done;
}

async function resealTable(
  database: Database,
  table: SealedTable,
  keys: readonly SealingKey[],
): Promise<Resealed> {
  const keyId = keys[0]!.id;
  const limit = keyLimits.resealBatchCount;
  let sealed = 0;
  let left = 0;
  for (let after = BEFORE_ALL; ;) {
    const rows = await table.page(database, { keyId, after, limit });
    if (rows.length === 0) return { name: table.name, sealed, left };
    after = rows.at(-1)!.id;
    const batch = sealBatch(rows, table, keys);
    left += rows.length - batch.ids.length;
    if (batch.ids.length === 0) continue;
    sealed += await database.withTransaction(async (tx) => {
      const count = await table.replace(tx, batch);
      const reason = `${count} ${table.name} with ${keyId}`;
      if (count > 0) await recordEvent(tx, { action: "key.seal", actor: "cli", reason });
      return count;
    });
  }
}

function sealBatch(
  rows: readonly SealedRow[],
  { contextOf }: SealedTable,
  keys: readonly SealingKey[],
): ResealedRows {
  const batch = { ids: [] as string[], before: [] as string[], now: [] as string[] };
  for (const { id, sealed } of rows) {
    const secret = tryUnseal(sealed, keys, contextOf(id));
    if (secret === undefined) continue;
    batch.ids.push(id);
    batch.before.push(sealed);
    batch.now.push(seal(secret, keys, contextOf(id)));
  }
  return batch;
}

function tryUnseal(sealed: string, keys: readonly SealingKey[], context: string) {
  try {
    return unseal(sealed, keys, context);
  } catch (error) {
    if (error instanceof KeyFault) return undefined;
    throw error;
  }
}

/** What another key-encryption key than the first one sealed: `isKnown` tells if it is configured. */
export async function listSealedByOthers(
  database: Database,
  config: SealingSettings,
  others: readonly SealedTable[] = [],
): Promise<(SealedCount & { readonly name: string; readonly isKnown: boolean })[]> {
  const keys = await readSealingKeys(config);
  const counted = await Promise.all(
    [...TABLES, ...others].map(async (table) =>
      (await table.count(database)).map((row) => ({ ...row, name: table.name })),
    ),
  );
  return counted
    .flat()
    .filter(({ keyId }) => keyId !== keys[0]!.id)
    .map((row) => ({ ...row, isKnown: keys.some(({ id }) => id === row.keyId) }));
}
