import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { addressProblems } from "./address-problems.ts";
import { addressesFor } from "./service-addresses.ts";

function service(name: string, spec: object, status: ObjectStatus = {}) {
  const complete = { ports: [{ port: 80 }], ...spec };
  const text = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name }, spec: complete });
  const [manifest] = readManifests([{ file: "service.json", text }]).manifests;
  assert.ok(manifest);
  const object: StoredObject = { manifest, uid: name, createdAtNs: 1n, generation: 1, status };
  assert.ok(isOfKind(object, "Service"));
  return object;
}

/** A network with that many addresses of each family. */
function network(count: number, families: readonly (4 | 6)[] = [4]) {
  const prefixes = { 4: "10.0.0.", 6: "fd00::" };
  const addressAt = (family: 4 | 6, index: number) => `${prefixes[family]}${index % count}`;
  const hasAddress = (address: string) => families.some((family) => address.startsWith(prefixes[family]));
  return { addressAt, hasAddress, families };
}

const nodePort = (number?: number) => ({ type: "NodePort", ports: [{ port: 80, nodePort: number }] });

describe("a service that takes any address and node port", () => {
  it("gets none that another one requests and has not received yet", () => {
    const one = service("one", nodePort());
    const { clusterIPs = [], nodePorts = {} } = addressesFor(one, [], network(100));
    const [clusterIP = ""] = clusterIPs;
    const other = service("other", { ...nodePort(nodePorts["80/TCP"]), clusterIP });
    const now = addressesFor(one, [other], network(100));
    assert.notEqual(now.clusterIPs?.[0], clusterIP);
    assert.notEqual(now.nodePorts?.["80/TCP"], nodePorts["80/TCP"]);
    assert.deepEqual(addressesFor(other, [one], network(100)), { clusterIPs, nodePorts });
  });

  it("gets an error if none is left", () => {
    const others = [0, 1].map((index) => service(`s${index}`, {}, { clusterIPs: [`10.0.0.${index}`] }));
    assert.throws(() => addressesFor(service("one", {}), others, network(2)), {
      code: "FailedPrecondition",
      message: "Service default/one: no IPv4 address is free",
    });
    const all = Array.from({ length: 2768 }, (_, index) => [`${index}/TCP`, 30_000 + index] as const);
    const greedy = service("greedy", {}, { clusterIPs: ["10.0.0.0"], nodePorts: Object.fromEntries(all) });
    assert.throws(() => addressesFor(service("one", nodePort()), [greedy], network(2)), {
      code: "FailedPrecondition",
      message: "Service default/one: no node port is free",
    });
  });
});

describe("the addresses of a service", () => {
  const both = network(10, [4, 6]);
  const familiesGiven = (spec: object, of = both) =>
    (addressesFor(service("one", spec), [], of).clusterIPs ?? []).map((ip) => (ip.includes(":") ? 6 : 4));

  it("are IPv4 unless it requests others, and its first family comes first", () => {
    assert.deepEqual(familiesGiven({}), [4]);
    assert.deepEqual(familiesGiven({ ipFamilies: ["IPv6"] }), [6]);
    assert.deepEqual(familiesGiven({ ipFamilyPolicy: "PreferDualStack" }), [4, 6]);
    assert.deepEqual(familiesGiven({ ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] }), [6, 4]);
    assert.deepEqual(familiesGiven({ ipFamilies: ["IPv6", "IPv4"] }), [6, 4]);
    assert.deepEqual(familiesGiven({ clusterIP: "fd00::7" }), [6]);
  });

  it("stay the same when a second one is added or removed, and are those that it requests", () => {
    const [ipv4 = ""] = addressesFor(service("one", {}), [], both).clusterIPs ?? [];
    const dual = { ipFamilyPolicy: "PreferDualStack" };
    const given = addressesFor(service("one", dual, { clusterIPs: [ipv4] }), [], both);
    assert.equal(given.clusterIPs?.[0], ipv4);
    assert.equal(given.clusterIPs.length, 2);
    assert.deepEqual(addressesFor(service("one", {}, given), [], both), { clusterIPs: [ipv4] });
    const asked = { clusterIP: "fd00::1", clusterIPs: ["fd00::1", "10.0.0.2"] };
    assert.deepEqual(addressesFor(service("one", asked), [], both).clusterIPs, ["fd00::1", "10.0.0.2"]);
  });

  it("are those of the available family on a machine without IPv6, and an event reports the missing one", () => {
    const subnets = ["10.0.0.0/16"];
    const problems = (spec: object) => {
      const one = service("one", spec);
      const given = addressesFor(one, [], network(10));
      return [
        given.clusterIPs?.length,
        ...addressProblems(one, given, { families: [4], subnets }).map(({ message }) => message),
      ];
    };
    const missing = "the service requests an IPv6 address, and this machine has no IPv6";
    assert.deepEqual(problems({ ipFamilyPolicy: "PreferDualStack" }), [1]);
    assert.deepEqual(problems({ ipFamilyPolicy: "RequireDualStack" }), [1, missing]);
    assert.deepEqual(problems({ ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6"] }), [1, missing]);
    assert.deepEqual(problems({ clusterIP: "fd00::1" }), [0, missing]);
  });
});
