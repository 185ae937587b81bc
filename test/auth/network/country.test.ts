import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createCountryOf } from "../../../src/auth/network/country.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { silentLog } from "../../support/log.ts";

const countryOf = createCountryOf({ config: { countryDatabase: "built-in" }, log: silentLog });

test("an address has the country it is registered in, IPv4, IPv6 or one mapped into the other", async () => {
  assert.equal(await countryOf("8.8.8.8"), "US");
  assert.equal(await countryOf("::ffff:8.8.8.8"), "US");
  assert.equal(await countryOf("200.160.2.3"), "BR");
  assert.equal(await countryOf("2001:12ff::10"), "BR");
  assert.equal(await countryOf("193.0.6.139"), "NL");
});

test("what is private, documentation, or no address has no country", async () => {
  for (const address of [
    ...["10.0.0.1", "127.0.0.1", "192.168.1.4", "172.31.9.9", "100.100.0.1", "169.254.1.1"],
    ...["192.0.2.1", "203.0.113.9", "255.255.255.255", "::ffff:192.168.1.4"],
    ...["::1", "::", "fe80::1%eth0", "fd00::1", "2001:db8::7", "", "x", "1.2.3"],
  ]) {
    assert.equal(await countryOf(address), undefined, address);
  }
});

test("COUNTRY_DATABASE=off asks no file, and a path names another one", async () => {
  const off = readConfig({ NODE_ENV: "test", COUNTRY_DATABASE: "off" });
  assert.equal(off.countryDatabase, undefined);
  assert.equal(await createCountryOf({ config: off, log: silentLog })("8.8.8.8"), undefined);
  assert.equal(readConfig({ NODE_ENV: "test" }).countryDatabase, "built-in");
  const named = readConfig({ NODE_ENV: "test", COUNTRY_DATABASE: "/srv/countries.mmdb" });
  assert.equal(named.countryDatabase, "/srv/countries.mmdb");
});

test("a file that cannot be read is said once, and costs nobody an answer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "brigade-country-"));
  const broken = join(folder, "broken.mmdb");
  writeFileSync(broken, "no database");
  // The description at the end is whole, most of what it describes is gone.
  const holed = join(folder, "holed.mmdb");
  const whole = readFileSync(
    createRequire(import.meta.url).resolve(
      "@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb",
    ),
  );
  writeFileSync(holed, Buffer.concat([whole.subarray(0, 5_000), whole.subarray(-5_000)]));
  try {
    for (const file of [broken, holed, join(folder, "missing.mmdb")]) {
      const warnings: unknown[] = [];
      const log = { ...silentLog, warn: (fields: unknown) => void warnings.push(fields) };
      const ask = createCountryOf({ config: { countryDatabase: file }, log: log as never });
      assert.deepEqual(await Promise.all([ask("8.8.8.8"), ask("8.8.8.8")]), [undefined, undefined]);
      assert.equal(warnings.length, 1);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
