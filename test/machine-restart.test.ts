import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ContainerState, NamespaceMode, PodSandboxState } from "../src/ground/protocol/index.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";

describe("a restart of the machine", () => {
  it("ends pods and containers, frees their addresses, and keeps images and records", async () => {
    await using registry = await startBusyboxRegistry();
    await using host = await CrashingBerth.start();
    const { berth } = host;
    const { image } = registry;
    const imageId = await berth.pull(image);
    const clean = await host.traces();
    const linux = { cgroupParent: host.cgroupParent };
    const mapping = [{ containerId: 0, hostId: 500_000, length: 65_536 }];
    const usernsOptions = { mode: NamespaceMode.POD, uids: mapping, gids: mapping };
    const namespaceOptions = { pid: NamespaceMode.CONTAINER, usernsOptions };
    const mapped = { linux: { ...linux, securityContext: { namespaceOptions } } };
    const pod = await TestPod.run(berth, "running", mapped);
    const stopped = await TestPod.run(berth, "stopped", { linux });
    const running = await pod.shell("running", image, "exec sleep 1000");
    const ended = await pod.shell("ended", image, "exit 7");
    const waiting = await pod.create(shellConfig("waiting", image, "exec sleep 1000"));
    await eventually("one has ended", async () => (await containerStatus(berth, ended)).exitCode === 7);
    await berth.clients.runtime.stopPodSandbox({ podSandboxId: stopped.id });
    const { startedAt } = await containerStatus(berth, running);

    await host.loseMachine();
    await berth.startDaemon();

    const { runtime, images } = berth.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    assert.deepEqual(
      items.map(({ state }) => state),
      [PodSandboxState.SANDBOX_NOTREADY, PodSandboxState.SANDBOX_NOTREADY],
    );
    const status = await containerStatus(berth, running);
    assert.deepEqual(
      [status.state, status.exitCode, status.reason],
      [ContainerState.CONTAINER_EXITED, 255, "Unknown"],
    );
    assert.ok(status.finishedAt > status.startedAt && status.startedAt >= startedAt - 1_000_000_000n);
    assert.equal((await containerStatus(berth, ended)).exitCode, 7);
    const { runtimeSpec } = await verboseInfo(berth, running);
    assert.deepEqual(runtimeSpec.process.args, ["/bin/sh", "-c", "exec sleep 1000"]);
    await assert.rejects(runtime.startContainer({ containerId: waiting }), /FAILED_PRECONDITION/);
    await eventually("addresses are free", async () => {
      const traces = await host.traces();
      return !traces.some((trace) => /\/var\/lib\/cni|\/network\//.test(trace));
    });

    for (const podSandboxId of [pod.id, stopped.id]) await runtime.removePodSandbox({ podSandboxId });
    await host.returnsTo(clean);
    assert.equal((await images.listImages({ filter: undefined })).images[0]?.id, imageId);
    const next = await TestPod.run(berth, "running", { linux });
    const id = await next.shell("running", image, "exec sleep 1000");
    assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
  });
});
