import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { createRecent } from "../../platform/recent.ts";
import { sql } from "../../platform/sql.ts";
import {
  markedProducts,
  marksOf,
  marksSql,
  readTexts,
  type MarkedProduct,
} from "./product-texts.ts";

/** The whole body of an answer, in UTF-8. */
export type JsonBody = Uint8Array;

/** What somebody asked for, and what it found. */
export interface FoundProducts {
  /** Of the catalogue, read before or with what was found. Undefined: nobody asked before. */
  readonly revision: number | undefined;
  /** In the order of the answer. */
  readonly ids: readonly string[];
  /** The products, where they were read in the same snapshot as the revision. */
  readonly marked?: readonly MarkedProduct[];
  /** What the answer says of its page. */
  readonly pagination?: object;
}

interface Kept {
  readonly revision: number | undefined;
  readonly marks: string;
  readonly body: JsonBody;
}

/** What keeping an answer costs beside its bytes. */
const ENTRY_BYTES = 256;

/**
 * Answers of products. Which ones they are is kept for as long as the catalogue's revision stands,
 * and the whole answer for as long as none of them has changed besides; each request reads both in
 * one statement.
 */
export function createProductAnswers(database: Database) {
  const found = createRecent<FoundProducts>(
    productLimits.foundIdsMax,
    (_, { ids }) => ids.length + 1,
  );
  const bodies = createRecent<Kept>(
    productLimits.answerBytesMax,
    (key, { marks, body }) => ENTRY_BYTES + key.length + marks.length + body.byteLength,
  );

  async function readState(ids: readonly string[]): Promise<{ revision: number; marks: string }> {
    const [state] = await database.read<{ revision: number; marks: string | null }>(sql`
      select revision, (${marksSql(ids)}) as marks from products_catalog.catalogue_revision`);
    return { revision: state!.revision, marks: state!.marks ?? "" };
  }

  async function write(
    { revision, ids, pagination }: FoundProducts,
    marked?: readonly MarkedProduct[],
  ): Promise<Kept> {
    const products = marked ?? (await database.query<MarkedProduct>(markedProducts(ids))).rows;
    const texts = await readTexts(database, products);
    const data = texts.map(({ text }) => text).join(",");
    const rest = pagination === undefined ? "" : `,"pagination":${JSON.stringify(pagination)}`;
    return { revision, marks: marksOf(products), body: Buffer.from(`{"data":[${data}]${rest}}`) };
  }

  return {
    /**
     * `find` is asked where it is not known what the key finds. Where nobody asked for it before it
     * may leave the revision out, should that be a statement more: many names are typed only once.
     */
    async of(
      key: string,
      find: (isAskedAgain: boolean) => Promise<FoundProducts>,
    ): Promise<JsonBody> {
      const known = found.get(key);
      const state = known?.revision === undefined ? undefined : await readState(known.ids);
      if (state === undefined || state.revision !== known?.revision) {
        const { marked, ...now } = await find(known !== undefined);
        found.set(key, now);
        // Whole answers are large: kept from the second time on that the same is asked for.
        return (await write(now, marked)).body;
      }
      const kept = bodies.get(key);
      // The pagination may be another one at another revision, also of the same products.
      if (kept?.revision === state.revision && kept.marks === state.marks) return kept.body;
      const made = await write(known);
      bodies.set(key, made);
      return made.body;
    },
  };
}

export type ProductAnswers = ReturnType<typeof createProductAnswers>;

/** Before whatever takes more than one statement to be found. */
export async function readCatalogueRevision(database: Pick<Database, "read">): Promise<number> {
  const [state] = await database.read<{ revision: number }>(
    sql`select revision from products_catalog.catalogue_revision`,
  );
  return state!.revision;
}
