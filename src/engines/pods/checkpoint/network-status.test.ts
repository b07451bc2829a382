import assert from "node:assert/strict";
import { test } from "node:test";
import { networkStatus } from "./network-status.ts";

test("what CNI plugins said of a pod is told as Podman tells it", () => {
  const result = {
    cniVersion: "1.0.0",
    interfaces: [
      { name: "cni0", mac: "aa:aa:aa:aa:aa:aa" },
      { name: "eth0", mac: "0a:58:0a:01:00:02", sandbox: "/run/netns/x" },
    ],
    ips: [
      { address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 1 },
      { address: "fd00::2/64", interface: 1 },
      { address: "10.9.9.9/32", interface: 0 },
    ],
  };
  const second = { ips: [{ address: "10.2.0.2/16" }] };
  const dump = networkStatus([
    { interface: "eth0", network: "pods", result },
    { interface: "eth1", network: "more", result: second },
    { interface: "eth2", network: "not yet", result: undefined },
  ]);
  assert.deepEqual(dump, {
    pods: {
      interfaces: {
        eth0: {
          subnets: [{ ipnet: "10.1.0.2/16", gateway: "10.1.0.1" }, { ipnet: "fd00::2/64" }],
          mac_address: "0a:58:0a:01:00:02",
        },
      },
    },
    more: { interfaces: { eth1: { subnets: [{ ipnet: "10.2.0.2/16" }], mac_address: "" } } },
    "not yet": { interfaces: { eth2: { subnets: [], mac_address: "" } } },
  });
});
