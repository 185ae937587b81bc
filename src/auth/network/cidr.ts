import { BlockList, isIP } from "node:net";

/** One network: its first address and how many bits name it. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

const BITS = Object.freeze({ ipv4: 32, ipv6: 128 });
/** An IPv4 caller on a dual-stack socket. */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. Undefined for anything else. */
export function readCidr(text: string): Cidr | undefined {
  const [given = "", bits, ...more] = text.trim().split("/");
  const address = given.replace(MAPPED, "");
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes("%")) return undefined;
  const family = version === 4 ? "ipv4" : "ipv6";
  // The bits of a mapped network count from the front of the long form.
  const shift = address === given ? 0 : 96;
  const prefix = bits === undefined ? BITS[family] : Number(bits) - shift;
  const isReadable = bits === undefined || /^\d{1,3}$/.test(bits);
  if (!isReadable || prefix < 0 || prefix > BITS[family]) return undefined;
  return Object.freeze({ address, prefix, family });
}

/** An address without its zone, and an IPv4 caller of a dual-stack socket as IPv4. */
export function plainAddress(text: string): string {
  return text.replace(/%.*$/, "").replace(MAPPED, "");
}

/** Asks of an address whether it is in any of the networks. */
export type NetworkSet = (address: string) => boolean;

/** A set that answers in the time of its size, not of what is asked. */
export function createNetworkSet(networks: readonly Cidr[]): NetworkSet {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (text) => {
    const address = plainAddress(text);
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}
