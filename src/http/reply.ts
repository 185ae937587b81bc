/**
 * What a handler returns. One place turns it into bytes (`answer.ts`), one writes them. What is
 * frozen must be so all the way down: its text is made once and kept.
 */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Serialised as JSON when present. */
  readonly body?: unknown;
  /** Ready-made bytes or text instead of `body`; `content-type` must be in `headers`. */
  readonly raw?: string | Uint8Array;
  /**
   * `raw` was made for this answer alone and is let go when it was written. A large one would
   * else live on: the promise of a handler that waited is old by then, and what it holds is only
   * looked at by the next full collection.
   */
  readonly once?: true;
}

/** Of `raw` that is JSON already. Frozen, so that its header block is written out once. */
export const JSON_TEXT = Object.freeze({ "content-type": "application/json; charset=utf-8" });

export function json(
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return headers === undefined ? { status, body } : { status, body, headers };
}

export function noContent(headers?: Readonly<Record<string, string>>): Reply {
  return headers === undefined ? { status: 204 } : { status: 204, headers };
}

export function text(
  status: number,
  raw: string | Uint8Array,
  contentType: string,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return { status, raw, headers: { "content-type": contentType, ...headers } };
}
