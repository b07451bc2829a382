import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { addressesFor } from "./service-addresses.ts";

function service(name: string, spec: object, status: ObjectStatus = {}) {
  const text = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name }, spec });
  const [manifest] = readManifests([{ file: "service.json", text }]).manifests;
  assert.ok(manifest);
  const object: StoredObject = { manifest, uid: name, createdAtNs: 1n, generation: 1, status };
  assert.ok(isOfKind(object, "Service"));
  return object;
}

/** Of so many addresses. */
function network(count: number) {
  const addressAt = (index: number) => `10.0.0.${index % count}`;
  return { addressAt, hasAddress: (address: string) => address.startsWith("10.0.0.") };
}

const nodePort = (number?: number) => ({ type: "NodePort", ports: [{ port: 80, nodePort: number }] });

describe("a service that takes any address and node port", () => {
  it("has none that another one asks for and was not given yet", () => {
    const one = service("one", nodePort());
    const { clusterIP = "", nodePorts = {} } = addressesFor(one, [], network(100));
    const other = service("other", { ...nodePort(nodePorts["80/TCP"]), clusterIP });
    const now = addressesFor(one, [other], network(100));
    assert.notEqual(now.clusterIP, clusterIP);
    assert.notEqual(now.nodePorts?.["80/TCP"], nodePorts["80/TCP"]);
    assert.deepEqual(addressesFor(other, [one], network(100)), { clusterIP, nodePorts });
  });

  it("is told when there is none left", () => {
    const others = [0, 1].map((index) => service(`s${index}`, {}, { clusterIP: `10.0.0.${index}` }));
    assert.throws(() => addressesFor(service("one", {}), others, network(2)), {
      code: "FailedPrecondition",
      message: "Service default/one: no address is free",
    });
    const all = Array.from({ length: 2768 }, (_, index) => [`${index}/TCP`, 30_000 + index] as const);
    const greedy = service("greedy", {}, { clusterIP: "10.0.0.0", nodePorts: Object.fromEntries(all) });
    assert.throws(() => addressesFor(service("one", nodePort()), [greedy], network(2)), {
      code: "FailedPrecondition",
      message: "Service default/one: no node port is free",
    });
  });
});
