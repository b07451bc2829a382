import assert from "node:assert/strict";
import { test } from "node:test";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { ContainerConfig, ownerLabel, whenEndedAnnotation } from "../../ground/protocol/index.ts";
import { ServiceEvents } from "../../services/events/index.ts";
import { until } from "../../testing/until.ts";
import type { Container } from "../engine/index.ts";
import { EndedContainers } from "./ended-containers.ts";
import type { EnginePods } from "./engine-pods.ts";

test("a container that ends in such a crowd that its end is not heard is put away all the same", async () => {
  const events = new ServiceEvents();
  const stopped = (containerId: string) =>
    events.publish("k8s.io", "/pods/container-stopped", { containerId, sandboxId: "sandbox" });
  const ended: Container[] = [];
  const removed: string[] = [];
  let listeners = 0;
  const pods: EnginePods = {
    sandboxes: { list: () => [], stop: async () => undefined, remove: async () => undefined },
    containers: {
      get: () => assert.fail("nobody asks for one"),
      list: () => ended,
      remove: async (id) => void removed.push(id),
      reopenLog: async () => undefined,
    },
    changes: (signal) => {
      listeners++;
      return events.subscribe(signal, ({ event }) =>
        "containerId" in event ? { kind: "stopped", id: event.containerId } : undefined,
      );
    },
    hostPaths: new HostPaths(),
    logger: createLogger({ level: "silent", format: "json" }),
  };
  const looking = new EndedContainers(pods);
  looking.start();
  ended.push(endedOne("before"));
  await until(async () => removed.includes("before"));
  ended.push(endedOne("unheard"));
  // More than a listener may be behind, while it has no turn.
  for (let others = 0; others < 20_000; others++) stopped(`other-${others}`);
  stopped("unheard");
  await until(async () => removed.includes("unheard"));
  assert.equal(listeners, 2);
  await looking.close();
});

function endedOne(id: string): Container {
  const config = ContainerConfig.fromPartial({
    labels: { [ownerLabel]: "test" },
    annotations: { [whenEndedAnnotation]: "remove" },
  });
  const state = {
    kind: "exited",
    startedAtNs: 1n,
    finishedAtNs: 2n,
    exitCode: 0,
    reason: "Completed",
    message: "",
  } as const;
  // Nothing else is read of it.
  return { id, sandboxId: "sandbox", config, state } as Container;
}
