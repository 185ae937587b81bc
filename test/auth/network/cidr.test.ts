import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createNetworkSet, readCidr } from "../../../src/auth/network/cidr.ts";
import { networkFault } from "../../../src/auth/network/rules.ts";

const setOf = (...texts: string[]) => createNetworkSet(texts.map((text) => readCidr(text)!));

test("addresses of either family are found in the networks that hold them", () => {
  const has = setOf("192.0.2.0/24", "2001:db8:1::/48", "198.51.100.7");
  for (const address of ["192.0.2.1", "::ffff:192.0.2.9", "2001:db8:1:ffff::1", "198.51.100.7"]) {
    assert.equal(has(address), true, address);
  }
  for (const address of ["192.0.3.1", "2001:db8:2::1", "198.51.100.8", "", "nonsense"]) {
    assert.equal(has(address), false, address);
  }
});

test("what is no network is none", () => {
  for (const text of ["", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/1/2", "2001:db8::/129"]) {
    assert.equal(readCidr(text), undefined, text);
  }
  for (const text of ["192.0.2/24", "192.0.2.0/a", "fe80::1%eth0/64", "1.2.3.4/ 8", "example"]) {
    assert.equal(readCidr(text), undefined, text);
  }
  assert.deepEqual(readCidr("::ffff:192.0.2.0/120"), {
    address: "192.0.2.0",
    prefix: 24,
    family: "ipv4",
  });
});

test("an IPv4 network holds exactly the addresses that share its bits", () => {
  const octets = fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255)));
  const toNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
  fc.assert(
    fc.property(octets, octets, fc.integer({ min: 1, max: 32 }), (network, address, prefix) => {
      const size = 2 ** (32 - prefix);
      const shares = Math.floor(toNumber(network) / size) === Math.floor(toNumber(address) / size);
      assert.equal(setOf(`${network.join(".")}/${prefix}`)(address.join(".")), shares);
    }),
  );
});

test("a tenant's rules: blocked networks, denied countries, and only the allowed ones", () => {
  const rules = { blocked: [], allowedCountries: [], deniedCountries: [] };
  assert.equal(networkFault(rules, "192.0.2.1", undefined), undefined);
  assert.equal(networkFault({ ...rules, blocked: ["192.0.2.0/24"] }, "192.0.2.1", "BR"), "network");
  assert.equal(networkFault({ ...rules, deniedCountries: ["BR"] }, "192.0.2.1", "BR"), "country");
  const allowed = { ...rules, allowedCountries: ["BR"] };
  assert.equal(networkFault(allowed, "192.0.2.1", "BR"), undefined);
  assert.equal(networkFault(allowed, "192.0.2.1", "DE"), "country");
  assert.equal(networkFault(allowed, "192.0.2.1", undefined), "country", "nobody knows");
});
