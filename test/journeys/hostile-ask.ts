import type { Pool } from "undici";
import { aliasOf } from "./hostile-families.ts";

export interface Answer {
  readonly status: number;
  readonly code: unknown;
  /** Everything but date, timestamp, instance and request id. */
  readonly bytes: string;
}

export type Ask = (authorization: string | readonly string[], path?: string) => Promise<Answer>;

/** Makes one request after the other with given `authorization` fields, each from an address of its own. */
export function createAsk(pool: Pool): Ask {
  let askedCount = 0;
  return async (authorization, path = "/auth/whoami") => {
    askedCount += 1;
    const address = `10.${(askedCount >> 16) & 255}.${(askedCount >> 8) & 255}.${askedCount & 255}`;
    const fields = [authorization].flat().flatMap((text) => ["authorization", toWire(text)]);
    const headers = ["x-forwarded-for", address, ...fields];
    const send = () => pool.request({ method: "GET", path, headers });
    // While a test was busy the server may have closed a connection that nobody used.
    const response = await send().catch((error: { code?: string }) => {
      if (error.code !== "UND_ERR_SOCKET") throw error;
      return send();
    });
    return describe(response.statusCode, response.headers, await response.body.text());
  };
}

// A header field is bytes: what is not ASCII goes out as UTF-8.
const toWire = (text: string) => Buffer.from(text, "utf8").toString("latin1");

function describe(status: number, headers: Record<string, unknown>, text: string): Answer {
  const { date: _date, "x-request-id": _id, "content-length": _length, ...rest } = headers;
  const body = JSON.parse(text) as Record<string, unknown>;
  const shown = text
    .replace(/"request_id":"[^"]*"/, '"request_id":""')
    .replace(/"timestamp":"[^"]*"/, '"timestamp":""')
    .replace(/"instance":"[^"]*"/, '"instance":""');
  return { status, code: body["error_code"], bytes: `${JSON.stringify(rest)}\n${shown}` };
}

const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index));

/** A change of a token that leaves it fit for a header field. */
export function mutate(below: (n: number) => number, a: string, b: string): string {
  const at = below(a.length);
  const any = () => PRINTABLE[below(PRINTABLE.length)]!;
  const partsOf = (token: string) => token.split(".");
  const changes: readonly (() => string)[] = [
    () => a.slice(0, at) + any() + a.slice(at + 1),
    () => a.slice(0, at) + any() + a.slice(at),
    () => a.slice(0, at) + a.slice(at + 1 + below(8)),
    () => a.slice(0, at) + b.slice(below(b.length)),
    () =>
      partsOf(a)
        .map((part, index) => (index === below(3) ? partsOf(b)[index]! : part))
        .join("."),
    () =>
      partsOf(a)
        .sort(() => below(3) - 1)
        .join("."),
    () => a.slice(0, at) + a.slice(at).toLowerCase(),
    () => a.slice(0, at) + a.slice(at).toUpperCase(),
    () =>
      partsOf(a)
        .map((part, index) => (index === below(3) ? aliasOf(part) : part))
        .join("."),
    () => a.slice(0, at) + a.slice(0, 1 + below(200)) + a.slice(at),
  ];
  return changes[below(changes.length)]!();
}
