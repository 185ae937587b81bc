import { isIP } from "node:net";

/**
 * The network an address stands for when attempts are counted: the address itself for IPv4, the
 * /64 for IPv6, because a household or a server gets at least that many addresses to itself.
 */
export function networkOf(address: string): string {
  const groups = groupsOf(address);
  if (typeof groups === "string") return groups;
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** A network coarse enough to be kept and shown: IPv4 /24, IPv6 /48. Undefined for no address. */
export function coarseNetworkOf(address: string): string | undefined {
  const groups = groupsOf(address);
  if (typeof groups !== "string") return `${groups.slice(0, 3).join(":")}::/48`;
  return isIP(groups) === 4 ? `${groups.slice(0, groups.lastIndexOf("."))}.0/24` : undefined;
}

/** The eight groups of an IPv6 address; an IPv4 address, plain or mapped, or anything else as text. */
function groupsOf(text: string): string | readonly string[] {
  const address = text.replace(/%.*$/, "").toLowerCase();
  if (isIP(address) !== 6) return address;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain =
    dotted === null ? address : `${dotted[1]!}${hexPair(dotted, 2)}:${hexPair(dotted, 4)}`;
  const [head = "", tail] = plain.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const groups = [...front, ...Array<string>(zeros).fill("0"), ...back].map((group) =>
    Number.parseInt(group, 16).toString(16),
  );
  const isMapped = groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff";
  if (!isMapped) return groups;
  // `::ffff:192.0.2.1` is an IPv4 caller on a dual-stack socket.
  return groups
    .slice(6)
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join(".");
}

function hexPair(parts: readonly string[], at: number): string {
  return ((Number(parts[at]) << 8) | Number(parts[at + 1])).toString(16);
}
