import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Manifest, readManifests } from "../manifests/index.ts";
import { planApply } from "./apply.ts";

function job(spec: object): Manifest {
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] } };
  const metadata = { name: "work" };
  const text = JSON.stringify({ apiVersion: "batch/v1", kind: "Job", metadata, spec: { template, ...spec } });
  const [manifest] = readManifests([{ file: "job.json", text }]).manifests;
  assert.ok(manifest);
  return manifest;
}

/** The outcome for an existing job. */
function outcome(before: object, after: object): string | undefined {
  const stored = { manifest: job(before), uid: "job", createdAtNs: 1n, generation: 1 };
  const [applied] = planApply([job(after)], { get: () => stored, listOf: () => [] }, {});
  return applied?.outcome;
}

describe("a job that is applied again", () => {
  it("accepts another parallelism, limit or deadline, and the end of its suspension", () => {
    assert.equal(outcome({ suspend: true }, { suspend: false }), "configured");
    const changes = { parallelism: 2, backoffLimit: 1, activeDeadlineSeconds: 9, ttlSecondsAfterFinished: 0 };
    assert.equal(outcome({}, { ...changes, podReplacementPolicy: "Failed" }), "configured");
  });

  it("is rejected if it would be another job", () => {
    assert.throws(() => outcome({}, { completions: 3 }), /has another specification and cannot be changed/);
  });
});

describe("a workload that is applied again", () => {
  const labels = { app: "web" };
  const spec = {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "v1" }] } },
  };
  const refused = /has another specification and cannot be changed/;

  /** The outcome for an object of a kind. */
  function applied(apiVersion: string, kind: string, before: object, after: object): string | undefined {
    const read = (more: object) => {
      const text = JSON.stringify({ apiVersion, kind, metadata: { name: "web" }, ...more });
      const [manifest] = readManifests([{ file: "web.json", text }]).manifests;
      assert.ok(manifest);
      return manifest;
    };
    const stored = { manifest: read(before), uid: "web", createdAtNs: 1n, generation: 1 };
    return planApply([read(after)], { get: () => stored, listOf: () => [] }, {})[0]?.outcome;
  }

  it("keeps its selector", () => {
    const template = { ...spec.template, metadata: { labels: { ...labels, tier: "front" } } };
    const selector = { matchLabels: { tier: "front" } };
    for (const kind of ["Deployment", "ReplicaSet", "DaemonSet"]) {
      assert.equal(applied("apps/v1", kind, { spec }, { spec: { ...spec, template } }), "configured");
      assert.throws(() => applied("apps/v1", kind, { spec }, { spec: { selector, template } }), refused);
    }
  });

  it("keeps the parts of a StatefulSet that determine its pods' names and claims", () => {
    const changed = (more: object) =>
      applied("apps/v1", "StatefulSet", { spec }, { spec: { ...spec, ...more } });
    assert.equal(changed({ replicas: 3, updateStrategy: { type: "OnDelete" } }), "configured");
    assert.throws(() => changed({ serviceName: "db" }), refused);
    assert.throws(() => changed({ podManagementPolicy: "Parallel" }), refused);
  });

  it("may have other labels, annotations and images, even if it is a pod", () => {
    const pod = { spec: spec.template.spec };
    const metadata = { name: "web", labels, annotations: { note: "x" } };
    assert.equal(applied("v1", "Pod", pod, { ...pod, metadata }), "configured");
    const having = (more: object) => ({ spec: { containers: [{ name: "main", image: "v1", ...more }] } });
    assert.equal(applied("v1", "Pod", pod, having({ image: "v2" })), "configured");
    assert.throws(() => applied("v1", "Pod", pod, having({ command: ["sh"] })), refused);
  });
});
