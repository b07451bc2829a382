import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { serviceConflicts } from "./service-conflicts.ts";

function manifest(name: string, spec: object) {
  const complete = { ports: [{ port: 80 }], ...spec };
  const text = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name }, spec: complete });
  const [read] = readManifests([{ file: "service.json", text }]).manifests;
  assert.ok(read);
  return read;
}

function stored(name: string, spec: object, status: ObjectStatus, more: Partial<StoredObject> = {}) {
  const object: StoredObject = {
    manifest: manifest(name, spec),
    uid: name,
    createdAtNs: 1n,
    generation: 1,
    status,
    ...more,
  };
  assert.ok(isOfKind(object, "Service"));
  return object;
}

const nodePort = (number: number | undefined, protocol = "TCP") => ({
  type: "NodePort",
  ports: [{ port: 80, protocol, nodePort: number }],
});

describe("services that are applied", () => {
  it("get an error that names the one with the requested node port or address", () => {
    const there = stored("there", nodePort(undefined), {
      clusterIPs: ["10.0.0.7"],
      nodePorts: { "80/TCP": 30_001 },
    });
    assert.deepEqual(
      serviceConflicts([manifest("new", { ...nodePort(30_001, "UDP"), clusterIP: "10.0.0.7" })], [there]),
      [
        "Service default/new cannot have the clusterIP 10.0.0.7: Service default/there has it",
        "Service default/new cannot have the nodePort 30001: Service default/there has it",
      ],
    );
  });

  it("get such an error about each other, too, before any of them exists", () => {
    assert.deepEqual(
      serviceConflicts([manifest("a", nodePort(30_001)), manifest("b", nodePort(30_001))], []),
      ["Service default/b cannot have the nodePort 30001: Service default/a has it"],
    );
  });

  it("keep their addresses, and get those that another one frees", () => {
    const leaving = stored("leaving", nodePort(30_001), {}, { deleting: {} });
    const changing = stored("changing", nodePort(30_002), {});
    const own = stored("own", nodePort(30_003), { nodePorts: { "80/TCP": 30_003 } });
    assert.deepEqual(
      serviceConflicts(
        [
          manifest("a", nodePort(30_001)),
          manifest("b", nodePort(30_002)),
          manifest("own", nodePort(30_003)),
        ].concat(manifest("changing", {})),
        [leaving, changing, own],
      ),
      [],
    );
  });

  it("may share a number for two protocols, and one that requests none conflicts with nobody", () => {
    const both = {
      type: "NodePort",
      ports: [
        { name: "a", port: 53, protocol: "TCP", nodePort: 30_053 },
        { name: "b", port: 53, protocol: "UDP", nodePort: 30_053 },
      ],
    };
    const headless = stored("headless", { clusterIP: "None" }, {});
    assert.deepEqual(
      serviceConflicts([manifest("both", both), manifest("also", { clusterIP: "None" })], [headless]),
      [],
    );
  });
});
