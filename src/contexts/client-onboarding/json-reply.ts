import { JSON_TEXT, type Reply } from "../../http/reply.ts";

const COMMA = Buffer.from(",");

/** JSON in pieces, of which those that are bytes may be kept for others: they are copied. */
export function jsonReply(pieces: readonly (string | Uint8Array)[]): Reply {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) {
    return { status: 200, headers: JSON_TEXT, raw: only };
  }
  const bytes = pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece));
  return { status: 200, headers: JSON_TEXT, raw: Buffer.concat(bytes), once: true };
}

/** The members of an array. */
export const joined = (members: readonly Uint8Array[]): Uint8Array[] =>
  members.flatMap((member, index) => (index === 0 ? [member] : [COMMA, member]));
