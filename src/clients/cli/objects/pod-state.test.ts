import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { podState, readyContainers } from "./pod-state.ts";

const running = { ready: true, started: true, state: { running: {} } };
const waiting = (reason: string) => ({ ready: false, state: { waiting: { reason } } });
const ended = (exitCode: number, reason = exitCode === 0 ? "Completed" : "Error") => ({
  ready: false,
  state: { terminated: { exitCode, reason } },
});

type Parts = {
  readonly phase?: string;
  readonly reason?: string;
  readonly ready?: boolean;
  readonly inits?: readonly object[];
  readonly sidecar?: boolean;
};

function pod(
  containers: readonly object[],
  { phase = "Running", reason, ready, inits = [], sidecar }: Parts = {},
) {
  const named = (statuses: readonly object[], prefix: string) =>
    statuses.map((one, index) => ({ name: `${prefix}${index}`, ...one }));
  const conditions = [
    ...(inits.length === 0 ? [{ type: "Initialized", status: "True" }] : []),
    ...(ready === true ? [{ type: "Ready", status: "True" }] : []),
  ];
  return {
    spec: {
      containers: named(containers, "c").map(({ name }) => ({ name })),
      initContainers: named(inits, "i").map(({ name }) => ({
        name,
        ...(sidecar === true ? { restartPolicy: "Always" } : {}),
      })),
    },
    status: {
      phase,
      ...(reason === undefined ? {} : { reason }),
      conditions,
      containerStatuses: named(containers, "c"),
      initContainerStatuses: named(inits, "i"),
    },
  };
}

describe("the state of a pod", () => {
  it("is what its first container that does not run waits for, or has come to", () => {
    assert.equal(podState(pod([running, running])), "Running");
    assert.equal(podState(pod([running, waiting("CrashLoopBackOff")])), "CrashLoopBackOff");
    assert.equal(podState(pod([ended(137, "OOMKilled"), waiting("CrashLoopBackOff")])), "OOMKilled");
    assert.equal(podState(pod([ended(3, "")], { phase: "Failed" })), "ExitCode:3");
    assert.equal(podState(pod([], { phase: "Pending" })), "Pending");
  });

  it("is that of the containers that go on where others have succeeded", () => {
    assert.equal(podState(pod([ended(0), ended(0)], { phase: "Succeeded" })), "Completed");
    assert.equal(podState(pod([ended(0), running], { ready: true })), "Running");
    assert.equal(podState(pod([ended(0), running])), "NotReady");
    assert.equal(podState(pod([ended(0), ended(1)], { phase: "Failed" })), "Error");
  });

  it("is how far its init containers are until they are done", () => {
    const of = (...inits: readonly object[]) =>
      podState(pod([waiting("PodInitializing")], { phase: "Pending", inits }));
    assert.equal(of({ state: { running: {} } }, waiting("PodInitializing")), "Init:0/2");
    assert.equal(of(ended(0), { state: { running: {} } }), "Init:1/2");
    assert.equal(of(waiting("ErrImagePull")), "Init:ErrImagePull");
    assert.equal(of(ended(1)), "Init:Error");
    assert.equal(of(ended(0)), "PodInitializing");
  });

  it("is why it was ended from outside", () => {
    const evicted = pod([ended(137)], { phase: "Failed", reason: "Evicted" });
    assert.equal(podState(evicted), "Evicted");
  });

  it("counts sidecars among the containers that are ready", () => {
    assert.equal(readyContainers(pod([running, waiting("ContainerCreating")])), "1/2");
    assert.equal(readyContainers(pod([running], { inits: [running], sidecar: true })), "2/2");
    assert.equal(readyContainers(pod([running], { inits: [ended(0)] })), "1/1");
  });
});
