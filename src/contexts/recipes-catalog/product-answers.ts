import { mealLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { BodyMemory, JsonBody } from "./json-body.ts";
import type { Caller } from "./owner.ts";
import type { ReadProductMarks } from "./ports.ts";
import { revisionOf } from "./store-revisions.ts";

/** What an answer is made of, as it was read. */
export interface AnswerBasis {
  /** Products whose state is in the answer. */
  readonly productIds: readonly string[];
  /** Made when the transaction has ended. */
  write(): JsonBody | Promise<JsonBody>;
}

interface Kept {
  readonly body: JsonBody;
  readonly productIds: readonly string[];
  readonly revision: number;
  readonly marks: string;
}

/**
 * Answers that are made of what a caller sees in recipes_catalog and of products, everything as it
 * was at one moment. Each is kept for as long as neither has changed.
 */
export function createProductAnswers(
  kind: string,
  database: Database,
  readMarks: ReadProductMarks,
  memory: BodyMemory,
) {
  const kept = memory.of<Kept>(
    kind,
    ({ body, marks, productIds }) =>
      body.byteLength + marks.length + productIds.length * UUID_CHARACTERS,
  );

  async function isCurrent(caller: Caller, { revision, marks, productIds }: Kept) {
    // In this order: a revision that still stands behind the marks also stood when they were read.
    if ((await readMarks(database.read, productIds)) !== marks) return false;
    const [state] = await database.read<{ revision: number }>(revisionFor(caller));
    return state!.revision === revision;
  }

  return async (
    caller: Caller,
    asked: unknown,
    read: (tx: Transaction) => Promise<AnswerBasis>,
  ): Promise<JsonBody> => {
    const key = JSON.stringify([caller, asked]);
    const known = kept.get(key);
    if (known !== undefined && (await isCurrent(caller, known))) return known.body;
    const basis = await database.withTransaction(
      async (tx) => {
        const ask = async <Row>(statement: Sql) => (await tx.query<Row>(statement)).rows;
        const [state] = await ask<{ revision: number }>(revisionFor(caller));
        const found = await read(tx);
        const marks = await readMarks(ask, found.productIds);
        return { found, revision: state!.revision, marks };
      },
      { isolation: "repeatable read", readOnly: true },
    );
    const { found, revision, marks } = basis;
    const body = await found.write();
    // More marks than these would hold up what else the reading connection is asked for.
    if (found.productIds.length <= mealLimits.keptProductsMax) {
      kept.set(key, { body, productIds: found.productIds, revision, marks });
    }
    return body;
  };
}

export type ProductAnswers = ReturnType<typeof createProductAnswers>;

const UUID_CHARACTERS = 36;

/** Menus are their author's, with all that stands in them; whoever manages sees those of all. */
const revisionFor = (caller: Caller) =>
  sql`select ${revisionOf(caller, caller.isManager ? "tenant" : "author")} as revision`;
