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

/** What becomes of a job that is there. */
function outcome(before: object, after: object): string | undefined {
  const stored = { manifest: job(before), uid: "job", createdAtNs: 1n, generation: 1 };
  const [applied] = planApply([job(after)], { get: () => stored, listOf: () => [] }, {});
  return applied?.outcome;
}

describe("a job that is applied again", () => {
  it("goes on with another parallelism, limit or deadline, and when it is no longer suspended", () => {
    assert.equal(outcome({ suspend: true }, { suspend: false }), "configured");
    const changes = { parallelism: 2, backoffLimit: 1, activeDeadlineSeconds: 9, ttlSecondsAfterFinished: 0 };
    assert.equal(outcome({}, changes), "configured");
  });

  it("is refused where it would be another job", () => {
    assert.throws(() => outcome({}, { completions: 3 }), /has another specification and cannot be changed/);
  });
});
