import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceOfSysctl } from "../index.ts";

test("a sysctl of an interface is told from those that are there before any", () => {
  for (const [name, device] of [
    ["net.ipv4.conf.eth0.rp_filter", "eth0"],
    ["net.ipv6.neigh.net1.base_reachable_time_ms", "net1"],
    ["net/ipv4/conf/eth0.100/forwarding", "eth0.100"],
    ["net.ipv4.conf.eth0/100.forwarding", "eth0.100"],
    ["net.mpls.conf.eth0.input", "eth0"],
    ["net.ipv4.conf.all.rp_filter", undefined],
    ["net.ipv4.conf.default.rp_filter", undefined],
    ["net.ipv4.conf.lo.rp_filter", undefined],
    ["net.ipv4.ip_forward", undefined],
    ["net.ipv4.neigh.default.gc_thresh1", undefined],
    ["kernel.shmmni", undefined],
  ] as const)
    assert.equal(interfaceOfSysctl(name), device, name);
});
