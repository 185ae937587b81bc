import { isIP } from "node:net";

/**
 * Address of the caller when `hops` proxies of ours stand in front: each appends whom it saw to
 * `x-forwarded-for`, so the entry `hops` from the right was written by the outermost one. Anything
 * further left is the caller's own claim. With no hops, or a chain that is shorter or malformed,
 * the peer itself is the caller.
 */
export function callerAddress(
  peer: string,
  forwardedFor: string | undefined,
  hops: number,
): string {
  if (hops === 0 || forwardedFor === undefined) return peer;
  const chain = forwardedFor.split(",");
  const claimed = chain[chain.length - hops]?.trim();
  if (claimed === undefined || isIP(claimed) === 0) return peer;
  return claimed;
}

/** `::ffff:1.2.3.4` and the long forms some stacks give, as one spelling per address. */
export function plainAddress(text: string): string {
  const mapped = /^(?:::ffff:|(?:0{4}:){5}ffff:)(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(text);
  if (mapped !== null) return mapped[1]!;
  const hex = /^(?:0{4}:){5}ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/i.exec(
    text,
  );
  if (hex === null) return text;
  return hex
    .slice(1)
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
}
