import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ContainerState } from "../src/ground/protocol/index.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { CutBerth } from "./support/cut-berth.ts";
import { containerStatus, exited, TestPod } from "./support/pod.ts";
import { verboseInfo } from "./support/verbose.ts";

describe("files in the state directory that were damaged", () => {
  it("cost a container its end, which is recorded as lost, and stand in the way of no removal", async () => {
    await using registry = await startBusyboxRegistry();
    await using cut = await CutBerth.start();
    const { berth } = cut;
    await berth.pull(registry.image);
    const before = await cut.traces();
    const pod = await TestPod.run(berth, "damaged", { linux: { cgroupParent: cut.cgroupParent } });
    const containerId = await pod.shell("main", registry.image, "sleep 1000 & sleep 1000");
    await berth.stopDaemon("SIGKILL");
    const bundle = join(berth.state, "containers", containerId);
    for (const name of ["config.json", "task.json"]) await writeFile(join(bundle, name), "{");
    await berth.startDaemon();
    const status = await exited(berth, containerId);
    assert.deepEqual([status.exitCode, status.reason], [255, "Unknown"]);
    assert.match(await berth.daemonLog(), new RegExp(`${bundle}/task\\.json`));
    await berth.clients.runtime.removeContainer({ containerId });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    await cut.returnsTo(before);
  });

  it("leave a container that runs to be looked at, stopped and removed", async () => {
    await using registry = await startBusyboxRegistry();
    await using cut = await CutBerth.start();
    const { berth } = cut;
    await berth.pull(registry.image);
    const before = await cut.traces();
    const pod = await TestPod.run(berth, "damaged", { linux: { cgroupParent: cut.cgroupParent } });
    const containerId = await pod.shell("main", registry.image, "exec sleep 1000");
    const bundle = join(berth.state, "containers", containerId);
    for (const name of ["config.json", "task.json"]) await writeFile(join(bundle, name), "");
    assert.equal((await verboseInfo(berth, containerId)).runtimeSpec.process.args[0], "/bin/sh");
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    await berth.clients.runtime.stopContainer({ containerId, timeout: 0n });
    assert.equal((await exited(berth, containerId)).exitCode, 137);
    await berth.clients.runtime.removeContainer({ containerId });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    await cut.returnsTo(before);
  });
});
