import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { writeAllFacts } from "./facts-text.ts";
import type { BodyMemory, JsonBody } from "./json-body.ts";
import type { Owned } from "./owner.ts";
import { revisionOfAuthor } from "./store-revisions.ts";

/** One thing as it is answered. */
export interface FoundBody extends Owned {
  readonly version: number;
  readonly body: JsonBody;
}

interface TextRow extends Owned {
  readonly version: number;
  readonly json: string;
  readonly revision: number;
}

/**
 * Things of one kind by key, each kept for as long as nothing of its author's was changed: what
 * stands in a client or a menu are other rows of the same author.
 *
 * The row of `read` says `tenant_id`, `author_id`, `version`, `json` and, by `revisionOfAuthor`,
 * `revision`; who may see it is asked by the owner.
 */
export function createLookUps(kind: string, database: Database, memory: BodyMemory) {
  const kept = memory.of<FoundBody & { readonly revision: number }>(
    kind,
    ({ body }) => body.byteLength,
  );
  return async (key: string, read: () => Sql): Promise<FoundBody | undefined> => {
    const known = kept.get(key);
    if (known !== undefined) {
      const [state] = await database.read<{ revision: number }>(
        sql`select ${revisionOfAuthor(sql`${known.tenant_id}`, sql`${known.author_id}`)} as revision`,
      );
      if (state!.revision === known.revision) return known;
    }
    const [row] = await database.read<TextRow>(read());
    if (row === undefined) return undefined;
    const { json, ...rest } = row;
    const found = { ...rest, body: Buffer.from(`{"data":${writeAllFacts(json)}}`) };
    kept.set(key, found);
    return found;
  };
}
