import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { processStartTime } from "../src/ground/linux/index.ts";
import { ContainerState, NamespaceMode } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { handlerProgram, testHandler } from "./support/handler.ts";
import { containerStatus, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

describe("a container whose conmon is stuck", () => {
  const host = withBerth();
  const monitor = async (containerId: string) =>
    Number(await readFile(join(host.berth.state, "containers", containerId, "conmon.pid"), "utf8"));

  it("is stopped and removed, with the exit code from the kernel", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "stuck");
    const containerId = await pod.shell("main", host.image, "exec sleep 1000");
    process.kill(await monitor(containerId), "SIGSTOP");
    await runtime.stopContainer({ containerId, timeout: 0n });
    const status = await containerStatus(host.berth, containerId);
    assert.deepEqual([status.state, status.exitCode], [ContainerState.CONTAINER_EXITED, 137]);
    await runtime.removeContainer({ containerId });
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("prevents neither its pod's removal nor its recovery by the next daemon", async () => {
    const pod = await TestPod.run(host.berth, "stuck");
    const containerId = await pod.shell("main", host.image, "exec sleep 1000");
    process.kill(await monitor(containerId), "SIGSTOP");
    const cut = host.berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id }).catch(() => undefined);
    await host.berth.restartDaemon("SIGKILL");
    await cut;
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    const { containers } = await host.berth.clients.runtime.listContainers({ filter: undefined });
    assert.deepEqual(containers, []);
  });
});

describe("a PID namespace to join", () => {
  const host = withBerth();

  it("is not that of a process that has reused the pid of an exited one whose exit conmon has not reported", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "gone");
    const targetId = await pod.shell("app", host.image, "exec sleep 1000");
    const linux = { securityContext: { namespaceOptions: { pid: NamespaceMode.TARGET, targetId } } };
    const containerId = await pod.create(shellConfig("debug", host.image, "exec sleep 1000", { linux }));
    const directory = join(host.berth.state, "containers", targetId);
    const [monitor, init] = await Promise.all(
      ["conmon.pid", "pidfile"].map(async (name) => Number(await readFile(join(directory, name), "utf8"))),
    );
    assert.ok(monitor !== undefined && init !== undefined);
    process.kill(monitor, "SIGSTOP");
    try {
      process.kill(init, "SIGKILL");
      await eventually("it has ended", async () => (await processStartTime(init)) === undefined);
      await assert.rejects(
        runtime.startContainer({ containerId }),
        /FAILED_PRECONDITION.*whose PID namespace was requested, is not running/,
      );
    } finally {
      process.kill(monitor, "SIGCONT");
    }
  });
});

describe("a start that hangs in the OCI runtime", () => {
  const host = withBerth();

  it("is killed by a stop, and the container and its pod can be removed", async () => {
    await using scripts = await tempDir();
    const program = join(scripts.path, "hanging");
    const reached = join(scripts.path, "reached");
    const script = `#!/bin/sh
      case " $* " in *" create "*) : > ${reached}; exec sleep 1000;; esac
      exec ${handlerProgram(testHandler)} "$@"\n`;
    await writeFile(program, script, { mode: 0o755 });
    await using berth = await TestBerth.start({
      config: `[runtime.handlers.hanging]\npath = ${JSON.stringify(program)}\n`,
    });
    await berth.pull(host.image);
    const { runtime } = berth.clients;
    const pod = await TestPod.run(berth, "hanging", {}, "hanging");
    const containerId = await pod.create(shellConfig("main", host.image, "exec sleep 1000"));
    const start = runtime.startContainer({ containerId });
    const failed = assert.rejects(start, /was stopped while it was being started/);
    await eventually("the OCI runtime is at work", async () =>
      readFile(reached).then(
        () => true,
        () => false,
      ),
    );
    await runtime.stopContainer({ containerId, timeout: 30n });
    await failed;
    const status = await containerStatus(berth, containerId);
    assert.deepEqual([status.state, status.reason], [ContainerState.CONTAINER_EXITED, "StartError"]);
    await runtime.removeContainer({ containerId });
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});
