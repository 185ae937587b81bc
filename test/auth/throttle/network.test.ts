import assert from "node:assert/strict";
import { test } from "node:test";
import { coarseNetworkOf, networkOf } from "../../../src/auth/throttle/network.ts";

test("IPv4 stands for itself, IPv6 for its /64, a mapped address for the IPv4 in it", () => {
  const cases: [string, string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:207", "192.0.2.7"],
    ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
    ["", ""],
    ["unknown", "unknown"],
  ];
  for (const [address, network] of cases) assert.equal(networkOf(address), network, address);
});

test("what is kept and shown is coarser: /24 and /48, nothing for no address", () => {
  assert.equal(coarseNetworkOf("192.0.2.7"), "192.0.2.0/24");
  assert.equal(coarseNetworkOf("::ffff:192.0.2.7"), "192.0.2.0/24");
  assert.equal(coarseNetworkOf("2001:db8:1:2::9"), "2001:db8:1::/48");
  assert.equal(coarseNetworkOf(""), undefined);
  assert.equal(coarseNetworkOf("unknown"), undefined);
});
