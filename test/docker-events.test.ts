import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { type ContainerEventResponse, ContainerEventType } from "../src/ground/protocol/index.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";

const pods = 4;
const perPod = 25;
/** This many are created and started at once in each pod. */
const atOnce = 3;

const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } =
  ContainerEventType;

describe("the Docker engine's events", () => {
  it("report each container's life once and in order, although many start and exit and dockerd is killed", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", docker: { liveRestore: true } });
    await berth.pull(registry.image);
    const { runtime, rawRuntime } = berth.clients;
    const events = rawRuntime.getContainerEvents({});
    const told = new Map<string, ContainerEventType[]>();
    events.on("data", ({ containerId, containerEventType }: ContainerEventResponse) =>
      told.set(containerId, [...(told.get(containerId) ?? []), containerEventType]),
    );
    const over = once(events, "error");

    /** Retries as a kubelet does while the engine is down. */
    const again = <T>(work: () => Promise<T>): Promise<T> =>
      eventually("the engine has done it", async () => {
        try {
          return { done: await work() };
        } catch (error) {
          if (!/UNAVAILABLE/.test(String(error))) throw error;
          return undefined;
        }
      }).then(({ done }) => done);
    const containers: string[] = [];
    const begin = async (pod: TestPod, name: string) => {
      const config = shellConfig(name, registry.image, "exit 3");
      const id = await again(() => pod.create(config));
      containers.push(id);
      // A start without a reply may have happened nevertheless, and be over, or have been interrupted in such
      // a way that Docker Engine 20.10 cannot start the container any more.
      await again(() => runtime.startContainer({ containerId: id })).catch((error: Error) =>
        assert.match(
          error.message,
          /FAILED_PRECONDITION.*is exited|INTERNAL.*(already (in use|exists)|failed to start shim: mkdir .*: file exists)/,
        ),
      );
    };
    const fill = async (pod: TestPod) => {
      const names = Array.from({ length: perPod }, (_, index) => `c${index}`);
      const next = async () => {
        for (let name = names.pop(); name !== undefined; name = names.pop()) await begin(pod, name);
      };
      await Promise.all(Array.from({ length: atOnce }, next));
    };
    const running = await Promise.all(
      Array.from({ length: pods }, (_, index) => TestPod.run(berth, `pod-${index}`)),
    );
    const filled = Promise.all(running.map(fill));
    filled.catch(() => undefined);
    for (const share of [1 / 3, 2 / 3]) {
      await eventually("some have begun", async () => containers.length >= share * pods * perPod, {
        limitMs: 90_000,
      });
      await berth.docker?.stop("SIGKILL");
      await berth.docker?.start();
    }
    await filled;
    assert.equal(new Set(containers).size, pods * perPod);
    const life = [CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT];
    await eventually("all have ended", async () =>
      containers.every((id) => told.get(id)?.includes(CONTAINER_STOPPED_EVENT)),
    );
    for (const id of containers) assert.deepEqual(told.get(id), life);
    await Promise.all(
      running.map(({ id: podSandboxId }) => again(() => runtime.removePodSandbox({ podSandboxId }))),
    );
    await eventually("all are gone", async () =>
      [...told.values()].every((kinds) => kinds.at(-1) === CONTAINER_DELETED_EVENT),
    );
    for (const id of [...containers, ...running.map((pod) => pod.id)])
      assert.deepEqual(told.get(id), [...life, CONTAINER_DELETED_EVENT]);
    assert.equal(told.size, pods * perPod + pods);
    events.cancel();
    await over;
  });
});
