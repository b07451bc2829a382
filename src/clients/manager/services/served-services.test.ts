import assert from "node:assert/strict";
import { test } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { pendingStatus } from "../../podlife/index.ts";
import { isOfKind, type StoredObject, type StoredPod } from "../objects.ts";
import { servedService } from "./served-services.ts";

function stored(value: object): StoredObject {
  const [manifest] = readManifests([{ file: "one.json", text: JSON.stringify(value) }]).manifests;
  assert.ok(manifest);
  return { manifest, uid: manifest.metadata.name, createdAtNs: 1n, generation: 1 };
}

const metadata = (name: string) => ({ name, labels: { app: "web" } });

/** A pod with this address as its only one. */
function pod(name: string, ready: boolean, deleting: boolean): StoredPod {
  const spec = { containers: [{ name: "main", image: "image" }] };
  const object = stored({ apiVersion: "v1", kind: "Pod", metadata: metadata(name), spec });
  assert.ok(isOfKind(object, "Pod"));
  const type = "Ready";
  const condition = { type, status: ready ? "True" : "False", lastTransitionTime: "" } as const;
  const status = {
    ...pendingStatus(object.manifest.spec, [condition]),
    phase: "Running" as const,
    podIPs: [{ ip: `10.0.0.${name}` }],
  };
  return { ...object, status: { pod: status }, ...(deleting ? { deleting: {} } : {}) };
}

test("ready pods that are being deleted serve a service only while there are no others", () => {
  const spec = { selector: { app: "web" }, ports: [{ port: 80 }] };
  const service = stored({ apiVersion: "v1", kind: "Service", metadata: metadata("web"), spec });
  assert.ok(isOfKind(service, "Service"));
  const served = (...pods: readonly StoredPod[]) => {
    const { ports, members } = servedService(service, pods, ({ status }) => status?.pod);
    return {
      endpoints: ports[0]?.endpoints.map(({ ip }) => ip),
      names: members.map(({ ip }) => ip),
    };
  };
  const [leaving, gone, next] = [pod("1", true, true), pod("2", false, true), pod("3", false, false)];
  // As in Kubernetes, names do not resolve to them.
  assert.deepEqual(served(leaving, gone, next), { endpoints: ["10.0.0.1"], names: [] });
  assert.deepEqual(served(leaving, gone, pod("3", true, false)), {
    endpoints: ["10.0.0.3"],
    names: ["10.0.0.3"],
  });
});
