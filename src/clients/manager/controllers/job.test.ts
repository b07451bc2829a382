import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { type Manifest, readManifests } from "../../manifests/index.ts";
import type { PodStatus } from "../../podlife/index.ts";
import { isOfKind, type StoredPod } from "../objects.ts";
import { reconcileJob } from "./job.ts";
import { failureOf } from "./job-failures.ts";
import { withIndex } from "./job-indexes.ts";
import type { Job, JobStatus } from "./job-status.ts";
import { endOfGone } from "./pod-ends.ts";
import { worldOf } from "./testing/world.ts";

const startMs = Date.parse("2026-01-01T00:00:00Z");

function job(spec: object, restartPolicy = "Never"): Job {
  const template = { spec: { restartPolicy, containers: [{ name: "main", image: "busybox" }] } };
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

/** A pod's exit, that many seconds after the start. */
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

/** The pods that a job creates at a time, or the milliseconds until its next check. */
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
  await reconcileJob(
    of,
    worldOf({
      nowNs: () => BigInt(startMs + second * 1000) * 1_000_000n,
      owned: () => pods,
      podStatus: ({ uid }) => statuses.get(uid),
      create: async (manifest) => void made.push(manifest),
      lookAgainAfter: (ms) => void waits.push(ms),
    }),
  );
  return { made: made.length, waits };
}

describe("a job after pods that failed", () => {
  const failed = (second: number, exitCode = 1): End => ({ second, exitCode });
  const succeeded = (second: number): End => ({ second, exitCode: 0 });

  it("waits from the last one's exit, twice as long after each, and ten minutes at most", async () => {
    const patient = job({ backoffLimit: 20 });
    assert.deepEqual(await next(patient, [failed(0)], 4), { made: 0, waits: [6000] });
    assert.deepEqual(await next(patient, [failed(0)], 10), { made: 1, waits: [] });
    assert.deepEqual(await next(patient, [failed(0), failed(10)], 10), { made: 0, waits: [20_000] });
    const many = Array.from({ length: 12 }, () => failed(0));
    assert.deepEqual(await next(patient, many, 0), { made: 0, waits: [600_000] });
  });

  it("also waits for those that its policy ignores, which do not count towards its limit", async () => {
    const rules = [{ action: "Ignore", onExitCodes: { operator: "In", values: [42] } }];
    const lenient = job({ backoffLimit: 0, podFailurePolicy: { rules } });
    assert.deepEqual(await next(lenient, [failed(0, 42), failed(10, 42)], 10), { made: 0, waits: [20_000] });
    assert.deepEqual(await next(lenient, [failed(0, 42), failed(10, 42)], 30), { made: 1, waits: [] });
  });

  it("resets the wait after a success, and does not wait for one", async () => {
    const several = job({ completions: 5 });
    const before = [failed(0), failed(0), failed(0)];
    assert.deepEqual(await next(several, [...before, succeeded(20)], 20), { made: 1, waits: [] });
    assert.deepEqual(await next(several, [...before, succeeded(20), failed(25)], 25), {
      made: 0,
      waits: [10_000],
    });
  });
});

test("a part of an indexed job that exits while the job's status is written is not created again", async () => {
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
  await reconcileJob(
    parts,
    worldOf({
      nowNs: () => BigInt(startMs + 2000) * 1_000_000n,
      owned: () => pods,
      podStatus: ({ uid }) => statuses.get(uid),
      create: async (manifest) => void made.push(manifest),
      setStatus: async () => void statuses.set("pod-1", statusOf({ second: 2, exitCode: 0 })),
    }),
  );
  const indexes = made.map(
    ({ metadata }) => metadata.annotations["batch.kubernetes.io/job-completion-index"],
  );
  assert.deepEqual(indexes, ["2"]);
});

/** Pods of an indexed job: the exit code of each, by its index; undefined if it is running. */
async function reconcileParts(spec: object, ends: readonly (readonly [number, number | undefined])[]) {
  const parts = job({ completionMode: "Indexed", completions: 4, parallelism: 4, ...spec });
  const statuses = new Map<string, PodStatus>();
  const pods = ends.map(([index, exitCode], count): StoredPod => {
    const annotations = { "batch.kubernetes.io/job-completion-index": String(index) };
    const uid = `pod-${count}`;
    const metadata = { name: uid, namespace: "default", labels: {}, annotations };
    if (exitCode !== undefined) statuses.set(uid, statusOf({ second: 0, exitCode }));
    const { spec } = parts.manifest.spec.template;
    const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec } as const;
    return { manifest, uid, owner: parts.uid, createdAtNs: 1n, generation: 1 };
  });
  const made: Manifest[] = [];
  const removed: string[] = [];
  let status: JobStatus | undefined;
  await reconcileJob(
    parts,
    worldOf({
      nowNs: () => BigInt(startMs + 60_000) * 1_000_000n,
      owned: () => pods,
      podStatus: ({ uid }) => statuses.get(uid),
      create: async (manifest) => void made.push(manifest),
      remove: async ({ uid }) => void removed.push(uid),
      setStatus: async (_, { job: given }) => {
        status = given as JobStatus;
      },
    }),
  );
  const indexes = made.map((one) => one.metadata.annotations["batch.kubernetes.io/job-completion-index"]);
  return { indexes, made, removed, status };
}

describe("a job with a limit for each index", () => {
  const perIndex = { backoffLimitPerIndex: 1 };

  it("retries each part up to the limit, gives up those that fail more often, and fails when all have ended", async () => {
    const some = await reconcileParts(perIndex, [
      [0, 1],
      [0, 1],
      [1, 1],
      [2, 0],
    ]);
    assert.deepEqual(some.indexes, ["1", "3"]);
    assert.partialDeepStrictEqual(some.status, { failedIndexes: "0", completedIndexes: "2" });
    const all = await reconcileParts(perIndex, [
      [0, 1],
      [0, 1],
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    assert.partialDeepStrictEqual(all.status, {
      end: "Failed",
      reason: "FailedIndexes",
      completedIndexes: "1-3",
    });
  });

  it("fails as soon as too many of its parts have failed, and gives one up by its policy", async () => {
    const rules = [{ action: "FailIndex", onExitCodes: { operator: "In", values: [42] } }];
    const { status, removed } = await reconcileParts(
      { ...perIndex, maxFailedIndexes: 1, podFailurePolicy: { rules } },
      [
        [0, 42],
        [1, 42],
        [2, undefined],
      ],
    );
    assert.partialDeepStrictEqual(status, {
      decided: { end: "Failed", reason: "MaxFailedIndexesExceeded" },
      failedIndexes: "0-1",
    });
    assert.deepEqual(removed, ["pod-2"]);
  });
});

describe("an indexed job", () => {
  it("is complete when a rule of its success policy is met, and its running pods are stopped", async () => {
    const successPolicy = {
      rules: [{ succeededIndexes: "0-1,3", succeededCount: 2 }, { succeededIndexes: "2" }],
    };
    const not = await reconcileParts({ successPolicy }, [
      [0, 0],
      [1, undefined],
    ]);
    assert.equal(not.status?.end, undefined);
    const first = await reconcileParts({ successPolicy }, [
      [0, 0],
      [3, 0],
      [1, undefined],
    ]);
    const decided = { end: "Complete", reason: "SuccessPolicy" } as const;
    assert.partialDeepStrictEqual(first.status, { decided });
    assert.equal(first.status?.end, undefined);
    assert.deepEqual(first.removed, ["pod-2"]);
    const second = await reconcileParts({ successPolicy }, [[2, 0]]);
    assert.equal(second.status?.message, "Matched rules at index 1");
  });

  it("starts the first of the maximum number of parts", async () => {
    const { indexes } = await reconcileParts({ completions: 2 ** 31 - 1, parallelism: 3 }, [[1, undefined]]);
    assert.deepEqual(indexes, ["0", "2"]);
  });

  it("leaves the variable of the index to a container that sets it", () => {
    const env = [{ name: "JOB_COMPLETION_INDEX", value: "own" }];
    const template = { spec: { containers: [{ name: "main", image: "b", env }] } };
    assert.deepEqual(withIndex("work", template, 3).spec.containers[0]?.env, env);
  });

  it("gives each part its index, also in its host name", async () => {
    const { made } = await reconcileParts({}, [
      [0, undefined],
      [1, undefined],
      [2, undefined],
    ]);
    const [pod] = made;
    assert.ok(pod?.kind === "Pod");
    assert.equal(pod.spec.hostname, "work-3");
    assert.deepEqual(pod.spec.containers[0]?.env, [{ name: "JOB_COMPLETION_INDEX", value: "3" }]);
  });
});

test("a job counts the results of pods that somebody has removed, each once", async () => {
  const gone = (uid: string, more: object = {}) => ({ uid, ...more });
  const failure = { counts: true, failsJob: false, failsIndex: false, message: "it failed" };
  const plain = { ...job({ completions: 3, parallelism: 3 }), gonePods: [gone("a"), gone("pod-0")] };
  assert.equal((await next(plain, [{ second: 0, exitCode: 0 }], 1)).made, 1);
  const limited = { ...job({ backoffLimit: 0 }), gonePods: [gone("b", { failure })] };
  assert.equal((await next(limited, [], 1)).made, 0);
  const parts = { ...job({ completions: 3, parallelism: 3, completionMode: "Indexed" }) };
  assert.equal((await next({ ...parts, gonePods: [gone("c", { index: 1 })] }, [], 1)).made, 2);
});

describe("a job whose pods run", () => {
  /** What it does about these pods, of which the named ones are being deleted. */
  const reconcile = async (
    spec: object,
    deleting: Readonly<Record<string, StoredPod["deleting"]>>,
    count = 3,
  ) => {
    const of = job(spec);
    const pods = Array.from({ length: count }, (_, index): StoredPod => {
      const uid = `pod-${index}`;
      const metadata = { name: uid, namespace: "default", labels: {}, annotations: {} };
      const manifest = {
        apiVersion: "v1",
        kind: "Pod",
        metadata,
        spec: of.manifest.spec.template.spec,
      } as const;
      const pod = { manifest, uid, owner: of.uid, createdAtNs: BigInt(index), generation: 1 };
      return deleting[uid] === undefined ? pod : { ...pod, deleting: deleting[uid] };
    });
    const removed: string[] = [];
    let made = 0;
    let status: JobStatus | undefined;
    await reconcileJob(
      of,
      worldOf({
        owned: () => pods,
        create: async () => void made++,
        remove: async ({ uid }) => void removed.push(uid),
        setStatus: async (_, told) => {
          status = told.job as JobStatus;
        },
      }),
    );
    return { removed, made, failed: status?.failed, active: status?.active };
  };

  it("stops surplus pods when its parallelism is reduced", async () => {
    const { removed, made } = await reconcile({ completions: 5, parallelism: 1 }, {});
    assert.deepEqual([removed.length, made], [2, 0]);
    assert.deepEqual(removed.toSorted(), ["pod-1", "pod-2"]);
  });

  it("counts one that somebody deletes as failed and replaces it, unless the job has stopped it itself", async () => {
    const spec = { completions: 5, parallelism: 3 };
    assert.partialDeepStrictEqual(await reconcile(spec, { "pod-0": {} }), { made: 1, failed: 1, active: 2 });
    const byController = { "pod-0": { byController: true as const } };
    assert.partialDeepStrictEqual(await reconcile(spec, byController), { made: 1, failed: 0 });
    const onceEnded = { ...spec, podReplacementPolicy: "Failed" };
    assert.partialDeepStrictEqual(await reconcile(onceEnded, { "pod-0": {} }), { made: 0, failed: 0 });
    const [pod] = [endOfGone(job(onceEnded), deletedPod({}))];
    assert.equal(pod?.failure?.counts, true);
    assert.equal(endOfGone(job(onceEnded), deletedPod({ byController: true })), undefined);
  });
});

function deletedPod(deleting: NonNullable<StoredPod["deleting"]>): StoredPod {
  const metadata = { name: "gone", namespace: "default", labels: {}, annotations: {} };
  const { spec } = job({}).manifest.spec.template;
  const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec } as const;
  return { manifest, uid: "gone", createdAtNs: 1n, generation: 1, deleting };
}

describe("a job that is suspended", () => {
  it("stops its pods, and its time starts when it is resumed", async () => {
    const suspended = { suspend: true, activeDeadlineSeconds: 5 };
    const { removed, status } = await reconcileParts(suspended, [[0, undefined]]);
    assert.deepEqual(removed, ["pod-0"]);
    assert.equal(status?.startTimeNs, undefined);
    assert.equal(status?.end, undefined);
    const { status: resumed } = await reconcileParts({ activeDeadlineSeconds: 5 }, []);
    assert.equal(resumed?.startTimeNs, BigInt(startMs + 60_000) * 1_000_000n);
  });
});

test("a job ends only when its pods have stopped, as was decided before", async () => {
  const of = job({ activeDeadlineSeconds: 10 });
  const { spec } = of.manifest.spec.template;
  const metadata = { name: "p", namespace: "default", labels: {}, annotations: {} };
  const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec } as const;
  let pods: readonly StoredPod[] = [{ manifest, uid: "p", owner: of.uid, createdAtNs: 1n, generation: 1 }];
  let told: JobStatus | undefined;
  const at = async (second: number) => {
    const status = told === undefined ? {} : { status: { job: told } };
    await reconcileJob(
      { ...of, ...status },
      worldOf({
        nowNs: () => BigInt(startMs + second * 1000) * 1_000_000n,
        owned: () => pods,
        podStatus: () => ({ ...statusOf({ second: 0, exitCode: 0 }), phase: "Running" }),
        remove: async () => {
          pods = pods.map((pod) => ({ ...pod, deleting: { byController: true } }));
        },
        setStatus: async (_, { job: now }) => {
          told = now as JobStatus;
        },
      }),
    );
    return told;
  };
  assert.equal((await at(0))?.active, 1);
  const decided = { end: "Failed", reason: "DeadlineExceeded" } as const;
  assert.partialDeepStrictEqual(await at(10), { decided, active: 0 });
  const stopping = await at(12);
  assert.partialDeepStrictEqual(stopping, { decided });
  assert.equal(stopping?.end, undefined);
  pods = [];
  assert.partialDeepStrictEqual(await at(15), {
    ...decided,
    completionTimeNs: BigInt(startMs + 15_000) * 1_000_000n,
  });
});

test("a job whose pods restart their containers fails at as many restarts as its limit, as in Kubernetes", async () => {
  for (const [backoffLimit, restartCount, end] of [
    [3, 2, undefined],
    [3, 3, "Failed"],
    [0, 0, undefined],
    [0, 1, "Failed"],
  ] as const) {
    const of = job({ backoffLimit }, "OnFailure");
    const { containerStatuses, ...status } = statusOf({ second: 0, exitCode: 1 });
    const metadata = { name: "p", namespace: "default", labels: {}, annotations: {} };
    const { spec } = of.manifest.spec.template;
    const pod = { manifest: { apiVersion: "v1", kind: "Pod", metadata, spec }, uid: "p" } as const;
    let told: JobStatus | undefined;
    await reconcileJob(
      of,
      worldOf({
        owned: () => [{ ...pod, owner: of.uid, createdAtNs: 1n, generation: 1 }],
        podStatus: () => ({
          ...status,
          phase: "Running",
          containerStatuses: containerStatuses.map((one) => ({ ...one, restartCount })),
        }),
        setStatus: async (_, { job: now }) => {
          told = now as JobStatus;
        },
      }),
    );
    assert.equal(told?.decided?.end, end, `${restartCount} restarts with a limit of ${backoffLimit}`);
  }
});

test("a job that its policy fails says why in Kubernetes' words", () => {
  const rules = [
    { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] },
    { action: "FailJob", onExitCodes: { operator: "In", values: [42] } },
  ];
  const { spec } = job({ podFailurePolicy: { rules } }).manifest;
  const metadata = { name: "p", namespace: "default", labels: {}, annotations: {} };
  const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec } as const;
  const pod: StoredPod = { manifest, uid: "p", createdAtNs: 1n, generation: 1 };
  assert.equal(
    failureOf(spec, pod, statusOf({ second: 0, exitCode: 42 }))?.message,
    "Container main for pod default/p failed with exit code 42 matching FailJob rule at index 1",
  );
});

test("an evicted pod does not count towards a job's limit if its policy ignores disruptions", () => {
  const rules = [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }];
  const { spec } = job({ podFailurePolicy: { rules } }).manifest;
  const metadata = { name: "p", namespace: "default", labels: {}, annotations: {} };
  const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec } as const;
  const pod: StoredPod = { manifest, uid: "p", createdAtNs: 1n, generation: 1 };
  const failed = statusOf({ second: 0, exitCode: 137 });
  const type = "DisruptionTarget";
  const disrupted = { ...failed, conditions: [{ type, status: "True", lastTransitionTime: "" } as const] };
  assert.equal(failureOf(spec, pod, disrupted)?.counts, false);
  assert.equal(failureOf(spec, pod, failed)?.counts, true);
});
