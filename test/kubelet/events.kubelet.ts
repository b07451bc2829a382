/**
 * A kubelet that learns about its containers from GetContainerEvents, and lists them only every five minutes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { containerIdOf, containerOf, isReady, restartsOf } from "../support/kubelet.ts";
import { execSync } from "../support/pod.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; [ -e /end ] && exit 7; done";

describe("a kubelet that relies on events", () => {
  const host = withKubelet({ featureGates: { EventedPLEG: true } });
  const pod = () => ({
    spec: {
      initContainers: [host.shell("first", "true"), host.shell("second", "true")],
      containers: [host.shell("main", idle), host.shell("other", idle)],
    },
  });
  const connections = async () => {
    const { body } = await host.kubelet.ask("/metrics");
    return Number(/^kubelet_evented_pleg_connection_success_count (\d+)$/m.exec(body)?.[1] ?? 0);
  };

  it("starts pods, restarts containers that exit, and stops pods", async () => {
    const before = await host.kubelet.run("events", pod());
    assert.equal(await connections(), 1);
    await execSync(host.berth, containerIdOf(before, "main"), "touch", "/end");
    const after = await host.kubelet.podThat(
      "events",
      "has its container again",
      (pod) => restartsOf(pod, "main") === 1 && isReady(pod),
    );
    assert.equal(containerOf(after, "main").lastState.terminated?.exitCode, 7);
    assert.equal(restartsOf(after, "other"), 0);
    await host.kubelet.remove("events");
  });

  it("runs each init container once", async () => {
    const pod = await host.kubelet.run("init-once", {
      spec: {
        initContainers: [
          host.shell("first", "sleep 1"),
          host.shell("second", "sleep 1"),
          host.shell("third", "true"),
        ],
        containers: [host.shell("main", idle)],
      },
    });
    for (const name of ["first", "second", "third"]) {
      assert.equal(restartsOf(pod, name), 0, name);
      assert.equal(containerOf(pod, name).state.terminated?.exitCode, 0, name);
    }
    assert.equal((await host.kubelet.sandboxes("init-once")).length, 1);
    await host.kubelet.remove("init-once");
    assert.doesNotMatch(
      await host.kubelet.log(),
      /received ContainerEventResponse with nil PodSandboxStatus/,
    );
  });

  it("receives events again, or lists again, after a restart of berthd", async () => {
    const before = await host.kubelet.run("again", pod());
    await host.berth.restartDaemon("SIGKILL");
    // It requests events again five times without a pause, and lists from then on.
    await execSync(host.berth, containerIdOf(before, "main"), "touch", "/end");
    await host.kubelet.podThat(
      "again",
      "has its container again",
      (pod) => restartsOf(pod, "main") === 1 && isReady(pod),
    );
    await host.kubelet.remove("again");
  });
});
