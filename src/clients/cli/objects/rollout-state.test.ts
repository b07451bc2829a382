import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../ground/json/index.ts";
import { rolloutState } from "./rollout-state.ts";

function stateOf(kind: string, spec: JsonObject, status: JsonObject, generation = 1): string {
  const object = { metadata: { generation }, spec, status: { observedGeneration: 1, ...status } };
  const listed = { kind, namespace: "default", name: "it", deleting: false, createdAtNs: 1n, object };
  const { kind: state, message } = rolloutState(listed);
  return `${state}: ${message}`;
}

test("a rollout is complete when all pods have the new template and are available", () => {
  const all = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
  const deployment = (status: JsonObject, spec: JsonObject = {}) =>
    stateOf("Deployment", { replicas: 2, ...spec }, status);
  assert.match(deployment(all), /^done/);
  assert.match(stateOf("Deployment", { replicas: 2 }, all, 2), /^going-on: the manager has not seen/);
  assert.equal(deployment({ ...all, updatedReplicas: 1 }), "going-on: 1 of 2 pods are new ones");
  assert.equal(deployment({ ...all, availableReplicas: 1 }), "going-on: 1 of 2 pods are available");
  assert.equal(deployment({ ...all, replicas: 3 }), "going-on: old pods still running: 1");
  assert.equal(deployment(all, { paused: true }), "going-on: it is paused");
  const conditions = [{ type: "Progressing", reason: "ProgressDeadlineExceeded" }];
  assert.match(deployment({ ...all, updatedReplicas: 1, conditions }), /^failed/);
});

test("a rollout ignores pods below a partition, and those that somebody has to delete", () => {
  const status = { replicas: 3, updatedReplicas: 1, availableReplicas: 3 };
  const set = (updateStrategy: JsonObject) => stateOf("StatefulSet", { replicas: 3, updateStrategy }, status);
  assert.equal(set({}), "going-on: 1 of 3 pods are new ones");
  assert.match(set({ rollingUpdate: { partition: 2 } }), /^done/);
  assert.match(set({ type: "OnDelete" }), /^done/);
  const daemon = { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 0 };
  assert.equal(stateOf("DaemonSet", {}, daemon), "going-on: 0 of 1 pods are available");
  assert.match(stateOf("DaemonSet", {}, { desiredNumberScheduled: 0 }), /^done/);
  assert.throws(() => stateOf("Job", {}, {}), /a Job has no rollouts/);
});
