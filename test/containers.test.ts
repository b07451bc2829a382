import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  ContainerState,
  ImageStatusRequest,
  ListContainersRequest,
  MountPropagation,
  Signal,
} from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { outputOf } from "./support/streams.ts";
import { withBerth } from "./support/with-berth.ts";

describe("a container", () => {
  const host = withBerth();

  it("writes what it prints into its log, in CRI's format", async () => {
    const pod = await TestPod.run(host.berth, "logs");
    const id = await pod.shell("out", host.image, "echo one; echo two >&2; printf three");
    await exited(host.berth, id);
    const log = await eventually("the log is complete", async () => {
      const lines = await pod.log("out");
      return lines.length >= 3 && lines;
    });
    assert.deepEqual([...log].sort(), ["stderr F two", "stdout F one", "stdout P three"]);
  });

  it("is created from values that other runtimes accept: no uid, a log path with a leading slash, a source with .., a negative quota", async () => {
    const pod = await TestPod.run(host.berth, "forms", {
      metadata: { name: "forms", namespace: "default", uid: "", attempt: 0 },
    });
    const hostPath = join(host.berth.directory, "none/../logs");
    const id = await pod.shell("main", host.image, "ls /logs", {
      logPath: "/main.log",
      mounts: [{ containerPath: "/logs", hostPath }],
      linux: { resources: { cpuQuota: -5n } },
    });
    assert.equal((await exited(host.berth, id)).exitCode, 0);
    await eventually("it is in the log", async () => (await pod.log("main")).length > 0);
  });

  it("reports its exit code, with the reason that kubelets know", async () => {
    const pod = await TestPod.run(host.berth, "exits");
    const good = await exited(host.berth, await pod.shell("good", host.image, "exit 0"));
    const bad = await exited(host.berth, await pod.shell("bad", host.image, "exit 42"));
    const killed = await exited(
      host.berth,
      await pod.shell("killed", host.image, "sh -c 'kill -9 $$'; exit $?"),
    );
    assert.deepEqual([good.exitCode, good.reason], [0, "Completed"]);
    assert.deepEqual([bad.exitCode, bad.reason], [42, "Error"]);
    assert.deepEqual([killed.exitCode, killed.reason], [137, "Error"]);
    assert.ok(good.startedAt > 0n && good.finishedAt >= good.startedAt && good.createdAt > 0n);
  });

  it("that uses more memory than its limit is OOMKilled", async () => {
    const pod = await TestPod.run(host.berth, "oom");
    const script = "x=a; while true; do x=$x$x; done";
    const id = await pod.shell("hungry", host.image, script, {
      linux: { resources: { memoryLimitInBytes: 16n * 2n ** 20n } },
    });
    const status = await exited(host.berth, id);
    assert.deepEqual([status.exitCode, status.reason], [137, "OOMKilled"]);
  });

  for (const code of [0, 7]) {
    it(`that ends with ${code} after its child ran out of memory is OOMKilled`, async () => {
      const pod = await TestPod.run(host.berth, `oom-child-${code}`);
      const child = "sh -c 'x=a; while true; do x=$x$x; done'";
      const id = await pod.shell("hungry", host.image, `${child}; exit ${code}`, {
        linux: { resources: { memoryLimitInBytes: 16n * 2n ** 20n } },
      });
      const status = await exited(host.berth, id);
      assert.deepEqual([status.exitCode, status.reason], [code, "OOMKilled"]);
      assert.match(status.message, /memory ran out/);
    });
  }

  it("whose program does not exist fails to start with StartError and code 128", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "start-error");
    const containerId = await pod.create(
      shellConfig("none", host.image, "", { command: ["/no/such/program"] }),
    );
    await assert.rejects(runtime.startContainer({ containerId }), /no\/such\/program/);
    const status = await containerStatus(host.berth, containerId);
    assert.deepEqual(
      [status.state, status.exitCode, status.reason],
      [ContainerState.CONTAINER_EXITED, 128, "StartError"],
    );
    assert.match(status.message, /no\/such\/program/);
  });

  it("runs commands and returns their output and exit code", async () => {
    const pod = await TestPod.run(host.berth, "exec");
    const containerId = await pod.shell("shell", host.image, "exec sleep 1000");
    const cmd = ["sh", "-c", "echo out; echo err >&2; exit 3"];
    const answer = await host.berth.clients.runtime.execSync({ containerId, cmd, timeout: 0n });
    assert.deepEqual(
      [answer.stdout.toString(), answer.stderr.toString(), answer.exitCode],
      ["out\n", "err\n", 3],
    );
  });

  it("ends a command that takes longer than its timeout", async () => {
    const pod = await TestPod.run(host.berth, "exec-timeout");
    const containerId = await pod.shell("shell", host.image, "exec sleep 1000");
    // The parent of one of them exits at once.
    const cmd = ["sh", "-c", "sleep 4321 & (sleep 4321 &); sleep 4321"];
    await assert.rejects(
      host.berth.clients.runtime.execSync({ containerId, cmd, timeout: 1n }),
      /DEADLINE_EXCEEDED/,
    );
    assert.doesNotMatch(await execSync(host.berth, containerId, "ps"), /sleep 4321/);
  });

  it("starts as the user that its configuration names, with that user's groups", async () => {
    const pod = await TestPod.run(host.berth, "user");
    const overrides = { linux: { securityContext: { runAsUsername: "app", supplementalGroups: [3000n] } } };
    const id = await pod.shell("app", host.image, "exec sleep 1000", overrides);
    assert.equal(
      await execSync(host.berth, id, "id"),
      "uid=1000(app) gid=1001(app) groups=1001(app),2000(extra),3000\n",
    );
    const { user } = await containerStatus(host.berth, id);
    assert.deepEqual([user?.linux?.uid, user?.linux?.gid], [1000n, 1001n]);
  });

  it("has the root as its HOME, also in commands, if the image does not know its user (crun#1633)", async () => {
    const pod = await TestPod.run(host.berth, "home");
    const homeOf = async (name: string, overrides: object) => {
      const id = await pod.shell(name, host.image, 'echo "$HOME"; exec sleep 1000', overrides);
      const lines = await eventually("the container has printed its HOME", async () => {
        const log = await pod.log(name);
        return log.length > 0 && log;
      });
      return [...lines, await execSync(host.berth, id, "sh", "-c", 'echo "$HOME"')];
    };
    const asUser = (value: bigint) => ({ linux: { securityContext: { runAsUser: { value } } } });
    assert.deepEqual(await homeOf("unknown", asUser(4242n)), ["stdout F /", "/\n"]);
    assert.deepEqual(await homeOf("known", asUser(1000n)), ["stdout F /home", "/home\n"]);
    const envs = [{ key: "HOME", value: Buffer.from("/data") }];
    assert.deepEqual(await homeOf("given", { ...asUser(4242n), envs }), ["stdout F /data", "/data\n"]);
  });

  it("sees the directories that its configuration mounts, read-only if requested", async () => {
    const pod = await TestPod.run(host.berth, "mounts");
    const hostPath = join(host.berth.directory, "volume");
    const mount = { hostPath, propagation: MountPropagation.PROPAGATION_PRIVATE };
    const mounts = [
      { ...mount, containerPath: "/data" },
      { ...mount, containerPath: "/frozen", readonly: true },
    ];
    const id = await pod.shell("shell", host.image, "exec sleep 1000", { mounts });
    await execSync(host.berth, id, "sh", "-c", "echo kept > /data/file");
    assert.equal(await execSync(host.berth, id, "cat", "/frozen/file"), "kept\n");
    await assert.rejects(execSync(host.berth, id, "touch", "/frozen/other"), /Read-only file system/);
  });

  it("gets its stop signal, and is killed when its time is over", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "stop");
    const trap = (signal: string) => `trap 'exit 7' ${signal}; echo ready; while true; do sleep 0.1; done`;
    const polite = await pod.shell("polite", host.image, trap("USR1"), { stopSignal: Signal.SIGNAL_SIGUSR1 });
    const deaf = await pod.shell(
      "deaf",
      host.image,
      "trap '' TERM; echo ready; while true; do sleep 0.1; done",
    );
    const asked = await pod.shell("asked", host.image, trap("TERM"));
    for (const name of ["polite", "deaf", "asked"]) {
      await eventually("the trap is set", async () => (await pod.log(name)).includes("stdout F ready"));
    }
    // As in containerd, a negative time is over.
    await runtime.stopContainer({ containerId: asked, timeout: -1n });
    assert.equal((await containerStatus(host.berth, asked)).exitCode, 137);
    await runtime.stopContainer({ containerId: polite, timeout: 60n });
    await runtime.stopContainer({ containerId: deaf, timeout: 1n });
    await runtime.stopContainer({ containerId: deaf, timeout: 1n });
    assert.equal((await containerStatus(host.berth, polite)).exitCode, 7);
    assert.equal((await containerStatus(host.berth, deaf)).exitCode, 137);
  });

  it("continues when a client gives up its stop, gets no second signal, and is killed with its commands by a stop with less time", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "stops");
    const script = "trap 'echo asked' TERM; echo ready; while true; do sleep 0.1; done";
    const containerId = await pod.shell("deaf", host.image, script);
    const says = (line: string) =>
      eventually(`it says ${line}`, async () => (await pod.log("deaf")).includes(`stdout F ${line}`));
    await says("ready");
    await assert.rejects(
      runtime.stopContainer({ containerId, timeout: 600n }, { deadline: Date.now() + 2000 }),
      /DEADLINE_EXCEEDED/,
    );
    await says("asked");
    assert.equal((await containerStatus(host.berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    const command = outputOf(host.berth, containerId, ["sleep", "1000"]);
    await eventually("the command runs", async () =>
      (await execSync(host.berth, containerId, "ps")).includes("sleep 1000"),
    );
    const patient = runtime.stopContainer({ containerId, timeout: 600n });
    await runtime.stopContainer({ containerId, timeout: 1n });
    await patient;
    assert.deepEqual(await pod.log("deaf"), ["stdout F ready", "stdout F asked"]);
    assert.equal((await command).exitCode, 137);
    assert.equal((await containerStatus(host.berth, containerId)).exitCode, 137);
  });

  it("gets its image's stop signal if it names none, and SIGTERM if neither does", async () => {
    const { runtime } = host.berth.clients;
    const image = `${host.registry.host}/stops-by-quit:1`;
    await pushImage(
      host.registry,
      "stops-by-quit",
      "1",
      await busyboxImage({ config: { StopSignal: "SIGQUIT" } }),
    );
    await host.berth.pull(image);
    const pod = await TestPod.run(host.berth, "stop-by-image");
    const script = "trap 'exit 3' QUIT; trap 'exit 15' TERM; echo ready; while true; do sleep 0.1; done";
    const byImage = await pod.shell("by-image", image, script);
    const byDefault = await pod.shell("by-default", host.image, script);
    for (const name of ["by-image", "by-default"]) {
      await eventually("the trap is set", async () => (await pod.log(name)).includes("stdout F ready"));
    }
    for (const containerId of [byImage, byDefault])
      await runtime.stopContainer({ containerId, timeout: 60n });
    const [quit, term] = [
      await containerStatus(host.berth, byImage),
      await containerStatus(host.berth, byDefault),
    ];
    assert.deepEqual([quit.exitCode, quit.stopSignal], [3, Signal.SIGNAL_SIGQUIT]);
    assert.deepEqual([term.exitCode, term.stopSignal], [15, Signal.SIGNAL_SIGTERM]);
  });

  it("starts as its image says although that was removed after the container was created", async () => {
    const image = `${host.registry.host}/removed-meanwhile:1`;
    const config = { Env: ["PATH=/bin", "FROM_IMAGE=yes"] };
    await pushImage(host.registry, "removed-meanwhile", "1", await busyboxImage({ config }));
    await host.berth.pull(image);
    const pod = await TestPod.run(host.berth, "removed-meanwhile");
    const containerId = await pod.create(shellConfig("main", image, "echo $FROM_IMAGE"));
    await host.berth.clients.images.removeImage({
      image: { image, annotations: {}, userSpecifiedImage: "", runtimeHandler: "", imageRef: "" },
    });
    await host.berth.restartDaemon();
    await host.berth.clients.runtime.startContainer({ containerId });
    assert.equal((await exited(host.berth, containerId)).exitCode, 0);
    assert.deepEqual(await pod.log("main"), ["stdout F yes"]);
  });

  it("continues in a new file after its log was rotated", async () => {
    const pod = await TestPod.run(host.berth, "rotate");
    const containerId = await pod.shell("talk", host.image, "while true; do echo line; sleep 0.05; done");
    await eventually("there is a line", async () => (await pod.log("talk")).length > 0);
    await rename(join(pod.config.logDirectory, "talk.log"), join(pod.config.logDirectory, "talk.log.1"));
    await host.berth.clients.runtime.reopenContainerLog({ containerId });
    await eventually(
      "there is a line in the new file",
      async () => (await pod.log("talk").catch(() => [])).length > 0,
    );
  });

  it("has one image id in every answer", async () => {
    const { images, runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "identity");
    const id = await pod.shell("shell", host.image, "exec sleep 1000");
    const pulled = await host.berth.pull(host.image);
    const { image } = await images.imageStatus(
      ImageStatusRequest.fromPartial({ image: { image: host.image } }),
    );
    const { containers } = await runtime.listContainers(
      ListContainersRequest.fromPartial({ filter: { id } }),
    );
    const status = await containerStatus(host.berth, id);
    assert.deepEqual([image?.id, containers[0]?.imageId, status.imageId], [pulled, pulled, pulled]);
  });

  it("cannot be created in a stopped pod, nor from a missing image", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "refused");
    await assert.rejects(pod.create(shellConfig("x", "127.0.0.1:1/none:latest", "")), /NOT_FOUND.*pull it/);
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    await assert.rejects(pod.create(shellConfig("x", host.image, "")), /FAILED_PRECONDITION/);
  });

  it("with an invalid field is rejected with the field's path", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "invalid");
    const config = shellConfig("bad", host.image, "", { logPath: "../../etc/passwd" });
    await assert.rejects(pod.create(config), /INVALID_ARGUMENT: config\.log_path/);
    await assert.rejects(
      runtime.runPodSandbox({ config: { ...podConfig("x"), metadata: undefined }, runtimeHandler: "" }),
      /INVALID_ARGUMENT: config\.metadata/,
    );
  });
});
