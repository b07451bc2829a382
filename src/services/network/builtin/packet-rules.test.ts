import assert from "node:assert/strict";
import { test } from "node:test";
import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { parseIpNetwork } from "./ip-address.ts";
import { PacketRules } from "./packet-rules.ts";
import type { PortRedirect } from "./port-redirect.ts";
import { portMap } from "./rule-table.ts";

await enterPrivateNetwork();

const table = "berth";
const pod = parseIpNetwork("10.87.0.2/24") ?? assert.fail();
const owner = { network: "test", containerId: "one", ifName: "eth0" };

function portsFrom(first: number, count: number): readonly PortRedirect[] {
  return Array.from({ length: count }, (_, index) => ({
    protocol: "tcp",
    hostPort: first + index,
    hostIp: undefined,
    pod,
    podPort: 80,
  }));
}

function elements(): readonly string[] {
  using socket = NetlinkSocket.open("netfilter");
  return nft.listElements(socket, table, portMap(4)).map(({ note }) => note);
}

test("any number of a pod's leftover elements is removed, and no others", () => {
  using rules = new PacketRules(table);
  for (let first = 1; first < 12_000; first += 500) rules.redirect(owner, portsFrom(first, 500));
  rules.redirect({ ...owner, containerId: "other" }, portsFrom(20_000, 1));
  rules.redirect({ ...owner, network: "another" }, portsFrom(20_001, 1));
  assert.equal(elements().length, 12_002);
  rules.keepOnly("test", [{ containerId: "other", ifName: "eth0" }]);
  assert.deepEqual(elements().toSorted(), ["one eth0 another", "other eth0 test"]);
});

test("a pod may have thousands of host ports", () => {
  using rules = new PacketRules(table);
  const ports = portsFrom(30_000, 5_000);
  rules.redirect(owner, ports);
  assert.equal(elements().filter((note) => note === "one eth0 test").length, 5_000);
  rules.forgetPorts(owner, ports);
  assert.deepEqual(elements().toSorted(), ["one eth0 another", "other eth0 test"]);
});

test("leftovers of a network whose name is too long for a note are removed, and no others", () => {
  using rules = new PacketRules(table);
  const network = "n".repeat(100);
  const lost = { network, containerId: "c".repeat(64), ifName: "eth0" };
  rules.redirect(lost, portsFrom(40_000, 1));
  rules.redirect({ ...lost, containerId: "d".repeat(64) }, portsFrom(40_001, 1));
  rules.keepOnly("n", []);
  assert.equal(elements().filter((note) => note.endsWith("nn")).length, 2);
  rules.keepOnly(network, [{ ...lost, containerId: "d".repeat(64) }]);
  assert.deepEqual(
    elements()
      .filter((note) => note.endsWith("nn"))
      .map((note) => note.slice(0, 5)),
    ["ddddd"],
  );
});
