import assert from "node:assert/strict";
import { it } from "node:test";
import { type PodStatus, pendingStatus } from "../../podlife/index.ts";
import type { StoredPod } from "../objects.ts";
import { leastNeeded } from "./least-needed.ts";
import { worldOf } from "./testing/world.ts";

const spec = { containers: [{ name: "main", image: "busybox" }] };

type Given = {
  readonly phase?: PodStatus["phase"];
  readonly readyMinute?: number | undefined;
  readonly restarts?: number;
  readonly cost?: string;
  readonly createdAtNs?: bigint;
  readonly scheduledAtNs?: bigint | undefined;
};

/** A pod that has been running and ready since the beginning, except for the given properties. */
function pod(name: string, given: Given) {
  const { phase = "Running", restarts = 0, cost, createdAtNs = 1n } = given;
  const readyMinute = "readyMinute" in given ? given.readyMinute : 0;
  const annotations = cost === undefined ? {} : { "controller.kubernetes.io/pod-deletion-cost": cost };
  const metadata = { name, namespace: "default", labels: {}, annotations };
  const stored: StoredPod = {
    manifest: { apiVersion: "v1", kind: "Pod", metadata, spec },
    uid: name,
    createdAtNs,
    generation: 1,
    ...("scheduledAtNs" in given ? {} : { scheduledAtNs: 1n }),
  };
  const lastTransitionTime = `2026-01-01T00:0${readyMinute ?? 0}:00Z`;
  const status: PodStatus = {
    ...pendingStatus(spec, []),
    phase,
    conditions: [{ type: "Ready", status: readyMinute === undefined ? "False" : "True", lastTransitionTime }],
    containerStatuses: [
      {
        name: "main",
        state: { running: { startedAt: lastTransitionTime } },
        lastState: {},
        ready: true,
        started: true,
        restartCount: restarts,
        image: "busybox",
        imageID: "",
      },
    ],
  };
  return { stored, status };
}

it("surplus pods of a set are removed in Kubernetes' order", () => {
  const inOrder = [
    pod("unscheduled", { scheduledAtNs: undefined, phase: "Pending", readyMinute: undefined }),
    pod("pending", { phase: "Pending", readyMinute: undefined }),
    pod("unready", { readyMinute: undefined }),
    pod("cheap", { cost: "-1" }),
    pod("ready late", { readyMinute: 5 }),
    pod("restarted", { restarts: 2 }),
    pod("young", { createdAtNs: 3n }),
    pod("old", { createdAtNs: 2n }),
    pod("dear", { cost: "10", restarts: 5 }),
  ];
  const statuses = new Map(inOrder.map(({ stored, status }) => [stored.uid, status]));
  const world = worldOf({ podStatus: ({ uid }) => statuses.get(uid) });
  const pods = inOrder.map(({ stored }) => stored);
  assert.deepEqual(
    leastNeeded(pods.toReversed(), world).map(({ uid }) => uid),
    pods.map(({ uid }) => uid),
  );
});
