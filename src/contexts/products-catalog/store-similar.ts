import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { rankCandidates, type Candidate } from "./similar-names.ts";

// Foods without a barcode; the partial indexes of the search have the same condition.
const SEARCHED = sql`is_food and not discarded and barcode is null`;
const WORDS_MAX = 8;

/**
 * Least word similarity of the candidates, one attempt after the other. A lower one is only tried
 * while the answer has room: it costs more and finds worse names.
 */
const SIMILARITY_STEPS = [0.8, 0.6, 0.4, 0.3];

/** Finds the products whose names are most like a prepared name. */
export function createSimilarNames(database: Database) {
  async function candidates(statement: Sql): Promise<Candidate[]> {
    return (await database.query<Candidate>(statement)).rows;
  }

  return {
    /**
     * Best first. @param query prepared (`prepareName`); empty finds nothing
     */
    async search(
      query: string,
      limit: number = productLimits.similarNamesMax,
    ): Promise<readonly Candidate[]> {
      if (query === "") return [];
      const found = new Map<string, Candidate>();
      const add = (more: readonly Candidate[]) => {
        for (const candidate of more) found.set(candidate.id, candidate);
        return rankCandidates(query, [...found.values()], limit);
      };
      // An equal first word outweighs everything else, so when enough names have it no others can
      // be in the answer, and the dearer search by trigrams is left out.
      let ranked = add(await candidates(firstWordStatement(query)));
      for (const least of SIMILARITY_STEPS) {
        if (ranked.length >= limit) break;
        ranked = add(await candidates(trigramStatement(query, least)));
      }
      return ranked;
    },
  };
}

export type SimilarNames = ReturnType<typeof createSimilarNames>;

/**
 * The names that begin with the query's first word, those first that the ranking will like best:
 * by the further words at their place, then by those words anywhere, then by shortness.
 */
export function firstWordStatement(query: string): Sql {
  const [first, ...further] = query.split(" ").slice(0, WORDS_MAX);
  // Number of words before their letters, in one number.
  const weights = further.map((word) => 1_000 + word.length);
  const atPlace = further.map(
    (word, index) => sql`case when split_part(prepared_name, ' ', ${index + 2}::integer) = ${word}
      then ${weights[index]}::integer else 0 end`,
  );
  const anywhere = further.map(
    (word, index) => sql`case when strpos(prepared_name, ${word}) > 0
      then ${weights[index]}::integer else 0 end`,
  );
  const fit = [atPlace, anywhere]
    .filter((terms) => terms.length > 0)
    .map((terms) => sql`${sql.join(terms, sql` + `)} desc, `);
  // The inner part is answered by the index alone.
  return sql`
    select p.id, p.name, best.prepared_name as prepared,
           similarity(best.prepared_name, ${query}) as similarity
      from (
        select id, prepared_name from products_catalog.products
         where ${SEARCHED} and ${beginsWith(first!)}
         order by ${sql.join(fit, sql.empty)}length(prepared_name), id
         limit ${productLimits.similarFirstWordsMax}
      ) best
      join products_catalog.products p on p.id = best.id`;
}

const BEGINNING_CHARACTERS = 64;

/** The index holds the beginning of the first word, which of nearly all is the whole. */
function beginsWith(word: string): Sql {
  // Code points, as PostgreSQL counts.
  const characters = Array.from(word);
  const start = characters.slice(0, BEGINNING_CHARACTERS).join("");
  const beginning = sql`left(split_part(prepared_name, ' ', 1), 64) = ${start}`;
  return characters.length < BEGINNING_CHARACTERS
    ? beginning
    : sql`${beginning} and split_part(prepared_name, ' ', 1) = ${word}`;
}

/** The best by word similarity of the names that have at least `least` of it, by their trigrams. */
export function trigramStatement(query: string, least: number): Sql {
  return sql`
    select id, name, prepared_name as prepared, similarity(prepared_name, ${query}) as similarity
      from products_catalog.names_like(${query}, ${least}::real,
        ${productLimits.similarMatchesMax}, ${productLimits.similarCandidatesMax})`;
}
