import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ServiceError, status } from "@grpc/grpc-js";
import {
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  NamespaceMode,
  PodSandboxState,
} from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { containerStatus, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { verboseSandboxInfo } from "./support/verbose.ts";
import { withCrashingBerth } from "./support/with-crashing-berth.ts";

/** The errors that a client may get for a call that was too early, too late or repeated. */
const expected = new Set([status.NOT_FOUND, status.FAILED_PRECONDITION, status.ALREADY_EXISTS]);

/** The same numbers in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

describe("a pod with many calls at once", () => {
  const { host, runtime, image, clean } = withCrashingBerth({}, async () => {
    const pod = await TestPod.run(host().berth, "first", { linux: linux() });
    await pod.shell("first", image(), "true");
    await runtime().removePodSandbox({ podSandboxId: pod.id });
  });
  const linux = () => ({ cgroupParent: host().cgroupParent });

  for (const seed of [1, 2, 3, 4]) {
    it(`answers every call clearly and leaves nothing (${seed})`, async () => {
      const random = numbers(seed);
      const next = (below: number) => random.next().value % below;
      const config = podConfig(`race-${seed}`, { linux: linux() });
      const run = async () => (await runtime().runPodSandbox({ config, runtimeHandler: "" })).podSandboxId;
      const podSandboxId = await run();
      const container = (name: number) => shellConfig(`c${name}`, image(), "exec sleep 1000");
      const create = async () => {
        const request = { podSandboxId, config: container(next(3)), sandboxConfig: config };
        return (await runtime().createContainer(request)).containerId;
      };
      const ids = await Promise.all([create(), create()]);
      const one = () => ids[next(ids.length)] ?? "";
      const calls: readonly (() => Promise<unknown>)[] = [
        async () => ids.push(await create()),
        async () => ids.push(await create()),
        () => runtime().startContainer({ containerId: one() }),
        () => runtime().startContainer({ containerId: one() }),
        () => runtime().execSync({ containerId: one(), cmd: ["true"], timeout: 10n }),
        () => runtime().stopContainer({ containerId: one(), timeout: 0n }),
        () => runtime().removeContainer({ containerId: one() }),
        () => runtime().listContainers({ filter: undefined }),
        () => runtime().stopPodSandbox({ podSandboxId }),
        () => runtime().removePodSandbox({ podSandboxId }),
      ];
      const chosen = Array.from(
        { length: 20 },
        () => calls[next(seed < 3 ? 8 : calls.length)] ?? assert.fail(),
      );
      const outcomes = await Promise.allSettled(chosen.map((call) => call()));
      const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      for (const error of errors) assert.ok(expected.has((error as ServiceError).code), String(error));
      await runtime().removePodSandbox({ podSandboxId });
      assert.deepEqual((await runtime().listContainers({ filter: undefined })).containers, []);
      await host().returnsTo(clean());
    });
  }

  it("has no container running in it once it was stopped while one started", async () => {
    const pod = await TestPod.run(host().berth, "stopped-meanwhile", { linux: linux() });
    const containerId = await pod.create(shellConfig("main", image(), "exec sleep 1000"));
    const start = runtime().startContainer({ containerId });
    await Promise.allSettled([start, runtime().stopPodSandbox({ podSandboxId: pod.id })]);
    assert.notEqual(
      (await containerStatus(host().berth, containerId)).state,
      ContainerState.CONTAINER_RUNNING,
    );
    await runtime().removePodSandbox({ podSandboxId: pod.id });
    await host().returnsTo(clean());
  });

  it("is removed together with a container that is being created", async () => {
    const pod = await TestPod.run(host().berth, "removed-meanwhile", { linux: linux() });
    const create = pod.create(shellConfig("main", image(), "exec sleep 1000"));
    await Promise.allSettled([create, runtime().removePodSandbox({ podSandboxId: pod.id })]);
    assert.deepEqual((await runtime().listContainers({ filter: undefined })).containers, []);
    await host().returnsTo(clean());
  });

  it("reports what happened to a container in the right order", async () => {
    const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT } = ContainerEventType;
    const { CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } = ContainerEventType;
    const events = host().berth.clients.rawRuntime.getContainerEvents({});
    const all: ContainerEventResponse[] = [];
    events.on("data", (event) => all.push(event));
    events.on("error", () => undefined);
    const pod = await TestPod.run(host().berth, "events", { linux: linux() });
    const id = await pod.shell("main", image(), "exec sleep 1000");
    await runtime().removePodSandbox({ podSandboxId: pod.id });
    const isLast = ({ containerId, containerEventType }: ContainerEventResponse) =>
      containerId === pod.id && containerEventType === CONTAINER_DELETED_EVENT;
    await eventually("the last event is there", async () => all.some(isLast));
    events.cancel();
    assert.deepEqual(
      new Set(all.map(({ podSandboxStatus }) => podSandboxStatus?.id)),
      new Set([pod.id]),
      "a kubelet learns from the sandbox's status whose event it is",
    );
    const ofContainer = all.filter(({ containerId }) => containerId === id);
    assert.deepEqual(
      ofContainer.map(({ containerEventType }) => containerEventType),
      [CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT],
    );
    const times = ofContainer.map(({ createdAt }) => createdAt);
    assert.deepEqual(
      times,
      times.toSorted((one, other) => Number(one - other)),
    );
    assert.ok(
      times.some((time) => time % 1_000_000n !== 0n),
      `in whole milliseconds, which a kubelet takes for older than what it knows: ${times}`,
    );
  });

  it("is no longer ready when its pause process ends, and can be removed", async () => {
    const namespaceOptions = { pid: NamespaceMode.POD, network: NamespaceMode.POD, ipc: NamespaceMode.POD };
    const pod = await TestPod.run(host().berth, "pause", {
      linux: { ...linux(), securityContext: { namespaceOptions } },
    });
    const id = await pod.shell("main", image(), "exec sleep 1000", {
      linux: { securityContext: { namespaceOptions } },
    });
    const events = host().berth.clients.rawRuntime.getContainerEvents({});
    const told: ContainerEventType[] = [];
    events.on("data", (event: ContainerEventResponse) => {
      if (event.containerId === pod.id) told.push(event.containerEventType);
    });
    events.on("error", () => undefined);
    // Its answer comes after the subscription, which was sent before it.
    const { pid } = await verboseSandboxInfo(host().berth, pod.id);
    process.kill(pid, "SIGKILL");
    await eventually("the pod is not ready", async () => {
      const answer = await runtime().podSandboxStatus({ podSandboxId: pod.id, verbose: false });
      return answer.status?.state === PodSandboxState.SANDBOX_NOTREADY;
    });
    await eventually(
      "its container has ended with the namespace",
      async () => (await containerStatus(host().berth, id)).state === ContainerState.CONTAINER_EXITED,
    );
    await assert.rejects(pod.create(shellConfig("late", image(), "true")), /FAILED_PRECONDITION/);
    await runtime().removePodSandbox({ podSandboxId: pod.id });
    const { CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } = ContainerEventType;
    await eventually("its removal is told", async () => told.includes(CONTAINER_DELETED_EVENT));
    events.cancel();
    assert.deepEqual(told, [CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT]);
    await host().returnsTo(clean());
  });
});
