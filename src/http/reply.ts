/** What a handler returns. One place turns it into bytes (`pipeline.ts`), one writes them. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Serialised as JSON when present. What is frozen, deeply, is serialised once and kept. */
  readonly body?: unknown;
  /** Ready-made bytes or text instead of `body`; `content-type` must be in `headers`. */
  readonly raw?: string | Uint8Array;
}

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
