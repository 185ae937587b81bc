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
  if (!text.includes(":")) return text;
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

/** An IPv4 address, or the /64 that one subscriber has at the least of IPv6. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.toLowerCase().split("::", 2);
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
