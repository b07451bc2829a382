import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatIp,
  formatNetwork,
  ipBytes,
  ipOfBytes,
  isWithin,
  lastAddress,
  maskBytes,
  networkAddress,
  parseIp,
  parseIpNetwork,
} from "./ip-address.ts";

const written = [
  ["10.87.0.1", "10.87.0.1"],
  ["::ffff:10.87.0.1", "10.87.0.1"],
  ["fd87::", "fd87::"],
  ["::", "::"],
  ["::1", "::1"],
  ["FD87:0:0:1:0:0:0:2", "fd87:0:0:1::2"],
  ["fd87:0:1:0:1:0:1:0", "fd87:0:1:0:1:0:1:0"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
] as const;

for (const [text, canonical] of written) {
  test(`${text} is ${canonical}`, () => {
    const ip = parseIp(text);
    assert.ok(ip);
    assert.equal(formatIp(ip), canonical);
    assert.deepEqual(ipOfBytes(ipBytes(ip)), ip);
  });
}

test("invalid addresses are rejected", () => {
  for (const text of ["", "10.0.0", "10.0.0.256", "fe80::1%eth0", "x", undefined, 7])
    assert.equal(parseIp(text), undefined);
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129"])
    assert.equal(parseIpNetwork(text), undefined);
});

test("a network has a first and a last address, a mask, and its own address", () => {
  const four = parseIpNetwork("10.87.3.9/22");
  assert.ok(four);
  assert.equal(formatNetwork(four), "10.87.3.9/22");
  assert.equal(formatIp(networkAddress(four)), "10.87.0.0");
  assert.equal(formatIp(lastAddress(four)), "10.87.3.255");
  assert.equal(maskBytes(four).toString("hex"), "fffffc00");
  assert.equal(isWithin({ family: 4, value: 0x0a570001n }, four), true);
  assert.equal(isWithin({ family: 4, value: 0x0a570401n }, four), false);
  assert.equal(isWithin({ family: 6, value: 0x0a570001n }, four), false);
  const six = parseIpNetwork("fd87::/64");
  assert.ok(six);
  assert.equal(formatIp(lastAddress(six)), "fd87::ffff:ffff:ffff:ffff");
});
