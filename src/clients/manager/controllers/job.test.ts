import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { type Manifest, readManifests } from "../../manifests/index.ts";
import type { PodStatus } from "../../podlife/index.ts";
import { isOfKind, type StoredPod } from "../objects.ts";
import { type Job, reconcileJob } from "./job.ts";

const startMs = Date.parse("2026-01-01T00:00:00Z");

function job(spec: object): Job {
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] } };
  const text = JSON.stringify({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work" },
    spec: { ...spec, template },
  });
  const [manifest] = readManifests([{ file: "job.json", text }]).manifests;
  const object = manifest && { manifest, uid: "job", createdAtNs: 1n, generation: 1 };
  assert.ok(object && isOfKind(object, "Job"));
  return object;
}

/** What a pod came to so many seconds after the start. */
type End = { readonly second: number; readonly exitCode: number };

function statusOf({ second, exitCode }: End): PodStatus {
  const time = new Date(startMs + second * 1000).toISOString();
  const terminated = { exitCode, reason: "Ended", finishedAt: time, containerID: "x" };
  return {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    conditions: [],
    podIPs: [],
    startTime: time,
    qosClass: "BestEffort",
    initContainerStatuses: [],
    containerStatuses: [
      {
        name: "main",
        state: { terminated },
        lastState: {},
        ready: false,
        started: false,
        restartCount: 0,
        image: "busybox",
        imageID: "",
      },
    ],
  };
}

/** The pods that a job makes at a time, or the milliseconds after which it looks again. */
async function next(of: Job, ends: readonly End[], second: number) {
  const statuses = new Map(ends.map((end, index) => [`pod-${index}`, statusOf(end)]));
  const template = of.manifest.spec.template;
  const pods = [...statuses.keys()].map((uid): StoredPod => {
    const metadata = { name: uid, namespace: "default", labels: {}, annotations: {} };
    const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec: template.spec } as const;
    return { manifest, uid, owner: of.uid, createdAtNs: 1n, generation: 1 };
  });
  const made: Manifest[] = [];
  const waits: number[] = [];
  await reconcileJob(of, {
    nowNs: () => BigInt(startMs + second * 1000) * 1_000_000n,
    owned: () => pods,
    podStatus: ({ uid }) => statuses.get(uid),
    create: async (manifest) => void made.push(manifest),
    change: async () => {},
    remove: async () => {},
    setStatus: async () => {},
    lookAgainAfter: (ms) => void waits.push(ms),
  });
  return { made: made.length, waits };
}

describe("a job after pods that failed", () => {
  const failed = (second: number, exitCode = 1): End => ({ second, exitCode });
  const succeeded = (second: number): End => ({ second, exitCode: 0 });

  it("waits from the last one's end, twice as long after each, and ten minutes at most", async () => {
    const patient = job({ backoffLimit: 20 });
    assert.deepEqual(await next(patient, [failed(0)], 4), { made: 0, waits: [6000] });
    assert.deepEqual(await next(patient, [failed(0)], 10), { made: 1, waits: [] });
    assert.deepEqual(await next(patient, [failed(0), failed(10)], 10), { made: 0, waits: [20_000] });
    const many = Array.from({ length: 12 }, () => failed(0));
    assert.deepEqual(await next(patient, many, 0), { made: 0, waits: [600_000] });
  });

  it("waits also for those that its policy ignores, and they are none of its limit", async () => {
    const rules = [{ action: "Ignore", onExitCodes: { operator: "In", values: [42] } }];
    const lenient = job({ backoffLimit: 0, podFailurePolicy: { rules } });
    assert.deepEqual(await next(lenient, [failed(0, 42), failed(10, 42)], 10), { made: 0, waits: [20_000] });
    assert.deepEqual(await next(lenient, [failed(0, 42), failed(10, 42)], 30), { made: 1, waits: [] });
  });

  it("begins anew after a success, and does not wait for one", async () => {
    const several = job({ completions: 5 });
    const before = [failed(0), failed(0), failed(0)];
    assert.deepEqual(await next(several, [...before, succeeded(20)], 20), { made: 1, waits: [] });
    assert.deepEqual(await next(several, [...before, succeeded(20), failed(25)], 25), {
      made: 0,
      waits: [10_000],
    });
  });
});

test("a part of an indexed job that ends while the job's status is written is not made again", async () => {
  const parts = job({ completions: 3, parallelism: 2, completionMode: "Indexed" });
  const pods = [0, 1].map((index): StoredPod => {
    const annotations = { "batch.kubernetes.io/job-completion-index": String(index) };
    const metadata = { name: `pod-${index}`, namespace: "default", labels: {}, annotations };
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: parts.manifest.spec.template.spec,
    } as const;
    return { manifest, uid: `pod-${index}`, owner: parts.uid, createdAtNs: 1n, generation: 1 };
  });
  const statuses = new Map([["pod-0", statusOf({ second: 1, exitCode: 0 })]]);
  const made: Manifest[] = [];
  await reconcileJob(parts, {
    nowNs: () => BigInt(startMs + 2000) * 1_000_000n,
    owned: () => pods,
    podStatus: ({ uid }) => statuses.get(uid),
    create: async (manifest) => void made.push(manifest),
    change: async () => {},
    remove: async () => {},
    setStatus: async () => void statuses.set("pod-1", statusOf({ second: 2, exitCode: 0 })),
    lookAgainAfter: () => {},
  });
  const indexes = made.map(
    ({ metadata }) => metadata.annotations["batch.kubernetes.io/job-completion-index"],
  );
  assert.deepEqual(indexes, ["2"]);
});
