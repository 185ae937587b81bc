import NodeCache from "node-cache";
import type { Clock } from "../../platform/clock.ts";
import { documentCacheLimits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { DocumentCache, DocumentKind, Documents } from "../index.ts";
import type { Captured, Generations } from "./generations.ts";
import type { Lease } from "./lease.ts";

export interface DocumentCacheOptions {
  readonly generations: Generations;
  readonly lease: Pick<Lease, "holds">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Documents of one kind. */
  readonly documentsMax?: number;
}

interface Held<Document> {
  readonly document: Document;
  readonly captured: Captured;
  readonly endMs: number;
}

interface Flight<Document> {
  readonly captured: Captured;
  readonly promise: Promise<Document>;
}

/**
 * Copies of slow-changing documents, for one thread. Like a cached principal a copy counts while
 * nothing it depends on was bumped since *before* it was loaded, and while the log of revocations
 * is known to be read; without the lease every caller has the document loaded.
 */
export function createDocumentCache(options: DocumentCacheOptions): DocumentCache {
  return Object.freeze({
    open: <Document>(kind: DocumentKind<Document>) => new KeptDocuments(kind, options),
  });
}

class KeptDocuments<Document> implements Documents<Document> {
  readonly #kind: DocumentKind<Document>;
  readonly #options: DocumentCacheOptions;
  readonly #indexes: Uint16Array;
  readonly #held: NodeCache;
  readonly #flights = new Map<string, Flight<Document>>();
  readonly #meters: ReturnType<typeof createCounts>;

  constructor(kind: DocumentKind<Document>, options: DocumentCacheOptions) {
    const { documentsMax = documentCacheLimits.documentsMax } = options;
    this.#kind = kind;
    this.#options = options;
    this.#indexes = options.generations.indexesOfKeys(kind.dependsOn);
    this.#held = new NodeCache({
      useClones: false,
      // No sweep, which would stop the thread: what has ended is dropped when it is asked for.
      checkperiod: 0,
      stdTTL: documentCacheLimits.ttlSeconds,
      maxKeys: documentsMax,
    });
    this.#meters = createCounts(options.metrics, kind.name);
    options.metrics.gauge(
      "brigade_document_cache_entries",
      "Documents that the threads keep",
      () => this.#held.getStats().keys,
      { document: kind.name },
    );
  }

  get(key: string): Document | Promise<Document> {
    const held = this.#held.get<Held<Document>>(key);
    // node-cache goes by the wall clock; setting that back lengthens no life.
    const isYoung = held !== undefined && this.#options.clock.monotonicMs() < held.endMs;
    if (isYoung && this.#isCurrent(held.captured)) {
      this.#meters.hits.add();
      return held.document;
    }
    const flight = this.#flights.get(key);
    // Whoever comes after a change must not be told what was read before it.
    if (flight !== undefined && this.#isCurrent(flight.captured)) {
      this.#meters.joined.add();
      return flight.promise;
    }
    this.#meters.misses.add();
    return this.#lead(key);
  }

  reload(key: string, lacking: Document): Document | Promise<Document> {
    if (this.#held.get<Held<Document>>(key)?.document === lacking) this.#held.del(key);
    return this.get(key);
  }

  /** What was captured then still counts now. */
  #isCurrent(captured: Captured): boolean {
    const { generations, lease } = this.#options;
    // The lease last: it vouches for the generations that were compared just now.
    return generations.current(this.#indexes, captured) && lease.holds();
  }

  #lead(key: string): Promise<Document> {
    const { generations, clock } = this.#options;
    // Before the load: what changes while it runs makes its result stale from the start.
    const captured = generations.capture(this.#indexes);
    const endMs = clock.monotonicMs() + documentCacheLimits.ttlSeconds * 1000;
    const promise = this.#kind
      .load(key)
      .then((document) => {
        // A flight that began later knows better.
        if (this.#flights.get(key) === flight) this.#keep(key, { document, captured, endMs });
        return document;
      })
      .finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      });
    const flight = { captured, promise };
    this.#flights.set(key, flight);
    return promise;
  }

  #keep(key: string, held: Held<Document>): void {
    // When it is full, node-cache throws ECACHEFULL also for a key it has.
    this.#held.del(key);
    try {
      this.#held.set(key, held);
    } catch {
      this.#meters.flushes.add();
      this.#held.flushAll();
      this.#held.set(key, held);
    }
  }
}

function createCounts(metrics: Metrics, document: string) {
  const lookups = (result: string) =>
    metrics.counter("brigade_document_cache_lookups_total", "Look-ups, by what was found", {
      document,
      result,
    });
  return {
    hits: lookups("hit"),
    joined: lookups("joined"),
    misses: lookups("miss"),
    flushes: metrics.counter(
      "brigade_document_cache_flushes_total",
      "Times that all documents of a kind went because there were too many",
      { document },
    ),
  };
}
