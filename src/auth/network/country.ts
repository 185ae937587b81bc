import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { isIP } from "node:net";
import type { CountryResponse, Reader } from "maxmind";
import type { Config } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import { createNetworkSet, plainAddress, readCidr, type NetworkSet } from "./cidr.ts";

/**
 * The country an address is registered in, as an ISO 3166-1 code. Undefined: a private address, one
 * that nobody knows of, or no file to look in. A hint for people and for risk, never a proof.
 */
export type CountryOf = (address: string) => Promise<string | undefined>;

export interface CountryOptions {
  readonly config: Pick<Config, "countryDatabase">;
  readonly log: Logger;
}

const BUILT_IN = "@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb";

// Registries' files also say something of addresses that are nobody's: private networks, carriers'
// own, link-local, documentation, loopback (RFC 6890).
const NOWHERE: readonly string[] = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15"],
  ...["198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"],
  ...["::/96", "fc00::/7", "fe80::/10", "ff00::/8", "2001:db8::/32", "100::/64"],
];
let nowhere: NetworkSet | undefined;
/** Made at the first look-up, as the file is read then. */
const isNowhere: NetworkSet = (address) => {
  nowhere ??= createNetworkSet(NOWHERE.map((network) => readCidr(network)!));
  return nowhere(address);
};

/** The field of the built-in file, and the one of MaxMind's own. */
type Found = CountryResponse & { readonly country_code?: string };

/**
 * Makes the question. The file is read at the first one, so that a start does not wait for it. When
 * it cannot be read that is said once, and no address has a country.
 */
export function createCountryOf({ config, log }: CountryOptions): CountryOf {
  const file = config.countryDatabase;
  if (file === undefined) return async () => undefined;
  let opening: Promise<Reader<Found>> | undefined;
  let isBroken = false;
  return async (address) => {
    if (isBroken) return undefined;
    try {
      return lookUp(await (opening ??= openReader(file)), address);
    } catch (error) {
      // A file that was cut short may open well: what it lacks shows at a look-up.
      if (!isBroken) {
        log.warn({ event: "country_database_failed", err: error }, "addresses have no country");
      }
      isBroken = true;
      return undefined;
    }
  };
}

async function openReader(file: string): Promise<Reader<Found>> {
  const path = file === "built-in" ? createRequire(import.meta.url).resolve(BUILT_IN) : file;
  const [{ Reader }, bytes] = await Promise.all([import("maxmind"), readFile(path)]);
  return new Reader<Found>(bytes);
}

function lookUp(reader: Reader<Found>, text: string): string | undefined {
  const address = plainAddress(text);
  if (isIP(address) === 0 || isNowhere(address)) return undefined;
  const found = reader.get(address);
  const code = found?.country_code ?? found?.country?.iso_code;
  return code !== undefined && /^[A-Z]{2}$/.test(code) ? code : undefined;
}
