import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFile, mkdir, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exists } from "../src/ground/fs/index.ts";
import {
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  ListContainersRequest,
  PodSandboxState,
} from "../src/ground/protocol/index.ts";
import { pushImage, type TestRegistry } from "../src/testing/registry.ts";
import { TestBerth } from "./support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { cli, cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { isNewerDocker } from "./support/docker.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";

/**
 * Pods over a Docker Engine, where that differs from the native engine. The tests of pods, containers and
 * streams run over it too, with BERTH_TEST_ENGINE=docker; docs/docker.md lists which do not.
 */
describe("the Docker engine", () => {
  let berth: TestBerth;
  let registry: TestRegistry & { readonly image: string };

  before(async () => {
    registry = await startBusyboxRegistry();
    berth = await TestBerth.start({ engine: "docker" });
    await berth.pull(registry.image);
  });

  after(async () => {
    await using _registry = registry;
    await berth?.[Symbol.asyncDispose]();
  });

  it("runs a pod with a network, a log, an exit code and commands", async () => {
    const pod = await TestPod.run(berth, "whole");
    assert.match(await pod.ip(), /^10\./);
    const id = await pod.shell(
      "shell",
      registry.image,
      "echo hello; trap 'exit 3' TERM; while :; do sleep 0.1; done",
    );
    assert.equal(await execSync(berth, id, "echo", "from inside"), "from inside\n");
    await eventually("the log has its line", async () => (await pod.log("shell")).includes("stdout F hello"));
    await berth.clients.runtime.stopContainer({ containerId: id, timeout: 10n });
    const { state, exitCode, reason } = await containerStatus(berth, id);
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 3, "Error"]);
  });

  it("has the whole log of a container when it reports its exit, however short it ran", async () => {
    const pod = await TestPod.run(berth, "short");
    for (let count = 0; count < 10; count++) {
      const id = await pod.shell(`short-${count}`, registry.image, `echo ${count}`);
      await exited(berth, id);
      assert.deepEqual(await pod.log(`short-${count}`), [`stdout F ${count}`]);
    }
  });

  it("has the last output of a container, although Docker's stream may end before it", async () => {
    const pod = await TestPod.run(berth, "last");
    const names = Array.from({ length: 8 }, (_, index) => `last-${index}`);
    const script = "echo begun; printf part; while [ ! -e /end ]; do sleep 0.1; done; printf ' and end'";
    const ends = names.map(async (name) => {
      const id = await pod.shell(name, registry.image, script);
      await eventually("it has begun", async () => (await pod.log(name)).length > 0);
      // It may be killed with the container, which it ends.
      await execSync(berth, id, "touch", "/end").catch(() => undefined);
      await exited(berth, id);
      assert.deepEqual(await pod.log(name), ["stdout F begun", "stdout P part and end"]);
    });
    await Promise.all(ends);
  });

  it("keeps a terminal's output without a newline, even if it is not all text", async () => {
    const pod = await TestPod.run(berth, "terminal");
    const script =
      "head -c 100000 /dev/urandom | tr -d '\\n'; for i in $(seq 20000); do printf 'αβ'; done; echo end";
    const id = await pod.shell("main", registry.image, script, { tty: true });
    await exited(berth, id);
    const text = await readFile((await containerStatus(berth, id)).logPath, "latin1");
    const lines = text.split("\n").slice(0, -1);
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z stdout [FP] /);
    assert.match(lines.at(-1) ?? "", / stdout F .*end\r$/);
    assert.ok(lines.length > 10, `${lines.length} lines`);
  });

  it("runs no health checks of images, since a kubelet has its own probes", async () => {
    const Healthcheck = { Test: ["CMD", "false"], Interval: 1_000_000 };
    await pushImage(registry, "checked", "latest", await busyboxImage({ config: { Healthcheck } }));
    const image = `${registry.host}/checked:latest`;
    await berth.pull(image);
    const pod = await TestPod.run(berth, "checked");
    const id = await pod.shell("shell", image, "exec sleep 1000");
    const { docker } = await verboseInfo(berth, id);
    assert.deepEqual([docker.State.Running, docker.State.Health], [true, undefined]);
  });

  // Attributes of Docker's events include their container's labels, which replace others with the same names.
  it("has the exit codes of commands, whatever labels their container has", async () => {
    const pod = await TestPod.run(berth, "labelled");
    for (const labels of [{ exitCode: "5" }, { execID: "another" }, { exitCode: "5", execID: "another" }]) {
      const name = `c-${Object.keys(labels).join("-").toLowerCase()}`;
      const containerId = await pod.shell(name, registry.image, "exec sleep 1000", { labels });
      for (const [cmd, exitCode] of [
        ["true", 0],
        ["false", 1],
      ] as const) {
        const outcome = await berth.clients.runtime.execSync({ containerId, cmd: [cmd], timeout: 30n });
        assert.equal(outcome.exitCode, exitCode);
      }
    }
  });

  it("reports a program that does not exist with a shell's exit code", async () => {
    const pod = await TestPod.run(berth, "missing");
    const id = await pod.create(shellConfig("missing", registry.image, "", { command: ["/no/such"] }));
    await assert.rejects(berth.clients.runtime.startContainer({ containerId: id }), /no such file/);
    const { state, exitCode, reason } = await containerStatus(berth, id);
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 127, "StartError"]);
  });

  it("is checked by the doctor, which requires none of the native engine's programs", async () => {
    const { stdout } = await cli(berth, "doctor", "--config", join(berth.directory, "config.toml"));
    assert.match(stdout, /Docker Engine +\d+\.\d+.*API 1\.\d+/);
    assert.match(stdout, /Docker storage driver/);
    assert.match(stdout, /Docker live-restore +off/);
    assert.doesNotMatch(stdout, /conmon/);
  });

  it("rejects by name what Docker's API does not support", async () => {
    const pod = await TestPod.run(berth, "refused");
    if (!isNewerDocker) {
      const mounts = [{ containerPath: "/data", image: { image: registry.image }, readonly: true }];
      await assert.rejects(
        pod.create(shellConfig("volume", registry.image, "true", { mounts })),
        /UNIMPLEMENTED.*mounts\.image.*28\.0/,
      );
    }
    const capabilities = { addAmbientCapabilities: ["NET_RAW"] };
    await assert.rejects(
      pod.create(
        shellConfig("ambient", registry.image, "true", { linux: { securityContext: { capabilities } } }),
      ),
      /UNIMPLEMENTED.*add_ambient_capabilities/,
    );
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`continues logs where they were after an end by ${signal}, through a rotation`, async () => {
      const pod = await TestPod.run(berth, `log-${signal.toLowerCase()}`);
      const script = "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; echo end; sleep 1000";
      await pod.shell("count", registry.image, script);
      const path = join(pod.config.logDirectory, "count.log");
      await eventually("the log has begun", async () => (await pod.log("count")).length > 10);
      await berth.stopDaemon(signal);
      await rename(path, `${path}.20260101-000000`);
      await berth.startDaemon();
      // On a fast machine, it may already be so.
      const whole = await eventually("the log is whole", async () => {
        const files = [`${path}.20260101-000000`, path];
        const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
        return texts.join("").includes(" F end\n") && texts.join("");
      });
      const numbers = whole
        .split("\n")
        .flatMap((line) => / stdout F (\d+)$/.exec(line)?.[1] ?? [])
        .map(Number);
      assert.deepEqual(numbers, [...Array(3000).keys()]);
    });
  }

  it("has the log of a container that wrote for the first time, and ended, while berthd was down", async () => {
    const pod = await TestPod.run(berth, "late");
    const id = await pod.shell("main", registry.image, "sleep 1; echo late");
    await berth.stopDaemon("SIGKILL");
    await berth.docker?.request("POST", `/containers/${id}/wait`);
    await berth.startDaemon();
    await eventually("the log has its line", async () => (await pod.log("main")).includes("stdout F late"));
  });

  // As if Docker's disk had been full, or dockerd had been killed, while it wrote the message.
  it("continues a log after a message that Docker wrote only in part", async () => {
    const pod = await TestPod.run(berth, "cut");
    const script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";
    const containerId = await pod.shell("count", registry.image, script);
    const numbers = async () =>
      (await pod.log("count")).flatMap((line) => /^stdout F (\d+)$/.exec(line)?.[1] ?? []).map(Number);
    const grows = async () => {
      const last = (await numbers()).at(-1) ?? 0;
      await eventually("the log grows", async () => ((await numbers()).at(-1) ?? 0) > last + 20);
    };
    await grows();
    await appendFile((await berth.docker?.logPath(containerId)) ?? "", '{"log":"cut');
    await grows();
    await berth.restartDaemon("SIGKILL");
    await grows();
    await berth.clients.runtime.stopContainer({ containerId, timeout: 0n });
    const all = await numbers();
    // Docker Engine 20.10 drops some messages after that one itself, and says nothing of it.
    if (isNewerDocker) assert.deepEqual(all, [...all.keys()]);
    assert.deepEqual(all, [...new Set(all)]);
  });

  it("finds its pods again after a restart", async () => {
    const pod = await TestPod.run(berth, "again");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const ip = await pod.ip();
    await berth.stopDaemon("SIGKILL");
    await berth.startDaemon();
    assert.equal(await pod.ip(), ip);
    assert.equal((await containerStatus(berth, id)).state, ContainerState.CONTAINER_RUNNING);
    assert.equal(await execSync(berth, id, "echo", "still here"), "still here\n");
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("reports that Docker is down, and the pods' new states when it is back", async () => {
    const pod = await TestPod.run(berth, "away");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    await berth.docker?.stop("SIGKILL");
    const ready = async () => {
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    const condition = await eventually("the engine is not ready", async () => {
      const found = await ready();
      return found?.status === false ? found : undefined;
    });
    assert.equal(condition.reason, "DockerUnavailable");
    await assert.rejects(
      berth.clients.runtime.listContainers(ListContainersRequest.fromPartial({})),
      /UNAVAILABLE/,
    );
    // A daemon that has never seen it cannot report the cgroup driver: a kubelet would act on a wrong one.
    await berth.restartDaemon();
    await assert.rejects(berth.clients.runtime.runtimeConfig({}), /UNAVAILABLE/);
    await berth.docker?.start();
    await eventually("the engine is ready", async () => (await ready())?.status);
    const ended = await exited(berth, id);
    assert.notEqual(ended.exitCode, 0);
    const { status } = await berth.clients.runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("removes the rest of a sandbox whose container a person removes", async () => {
    const pod = await TestPod.run(berth, "removed-by-hand");
    const kept = async () => {
      const directories = [join(berth.root, "docker", "network"), join(berth.state, "docker", "sandboxes")];
      const names = await Promise.all(directories.map((directory) => readdir(directory)));
      return names.flat().filter((name) => name.startsWith(pod.id));
    };
    assert.equal((await kept()).length, 2);
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    await berth.docker?.request("DELETE", `/containers/${pod.id}?force=true`);
    await eventually("its network and files are gone", async () => (await kept()).length === 0);
    const { runtime } = berth.clients;
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.equal((await containerStatus(berth, id)).state, ContainerState.CONTAINER_EXITED);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    await assert.rejects(containerStatus(berth, id), /NOT_FOUND/);
  });

  it("shows and stops a container that a person has restarted, whose sandbox stays not ready", async () => {
    const pod = await TestPod.run(berth, "restarted");
    const id = await pod.shell("shell", registry.image, "echo begun; exec sleep 1000");
    const runtime = () => berth.clients.runtime;
    const state = async () => (await containerStatus(berth, id)).state;
    await berth.docker?.request("POST", `/containers/${id}/restart?t=0`);
    await eventually("it is seen", async () => {
      const begun = (await pod.log("shell")).filter((line) => line === "stdout F begun");
      return begun.length === 2 && (await state()) === ContainerState.CONTAINER_RUNNING;
    });
    await runtime().stopContainer({ containerId: id, timeout: 0n });
    assert.equal(await state(), ContainerState.CONTAINER_EXITED);
    await berth.docker?.request("POST", `/containers/${pod.id}/restart?t=0`);
    const isReady = async () => {
      const { status } = await runtime().podSandboxStatus({ podSandboxId: pod.id, verbose: false });
      return status?.state === PodSandboxState.SANDBOX_READY;
    };
    await eventually("its end is seen", async () => !(await isReady()));
    await berth.restartDaemon();
    assert.equal(await isReady(), false);
    await runtime().stopPodSandbox({ podSandboxId: pod.id });
    const details = JSON.parse((await berth.docker?.request("GET", `/containers/${pod.id}/json`)) ?? "");
    assert.deepEqual([details.State.Running, await isReady()], [false, false]);
    await runtime().removePodSandbox({ podSandboxId: pod.id });
  });

  it("keeps a container whose log cannot be removed, so that the removal is retried", async () => {
    const containerId = await cliOutput(berth, "run", "--detach", "--name", "logged", registry.image, "true");
    await exited(berth, containerId);
    const { sandboxID: podSandboxId } = await verboseInfo(berth, containerId);
    const log = (await containerStatus(berth, containerId)).logPath;
    await rename(log, `${log}.aside`);
    // Only a file is removed as a log.
    await mkdir(log);
    const { runtime } = berth.clients;
    await assert.rejects(runtime.removeContainer({ containerId }), /directory/);
    assert.equal((await containerStatus(berth, containerId)).id, containerId);
    await rmdir(log);
    await rename(`${log}.aside`, log);
    await runtime.removeContainer({ containerId });
    await assert.rejects(containerStatus(berth, containerId), /NOT_FOUND/);
    assert.equal(await exists(log), false);
    await runtime.removePodSandbox({ podSandboxId });
  });

  it("works even if it cannot record which commands run, and ends them in any case", async () => {
    const pod = await TestPod.run(berth, "unwritten");
    const containerId = await pod.shell("shell", registry.image, "exec sleep 1000");
    const execs = join(berth.state, "docker", "execs");
    const { runtime } = berth.clients;
    const cmd = ["sh", "-c", "touch /begun; exec sleep 4321"];
    const asked = assert.rejects(runtime.execSync({ containerId, cmd, timeout: 3n }), /DEADLINE_EXCEEDED/);
    await eventually("it has begun", async () => {
      const seen = await execSync(berth, containerId, "ls", "/begun").catch(() => "");
      return seen === "/begun\n";
    });
    await rm(execs, { recursive: true });
    await asked;
    assert.doesNotMatch(await execSync(berth, containerId, "ps"), /4321/);
    const { info } = await runtime.status({ verbose: true });
    assert.equal(JSON.parse(info.unhandledErrors ?? "").count, 0);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  for (const isDown of [false, true]) {
    const when = isDown ? "while berthd is down" : "while berthd runs";
    it(`finds a container and a sandbox that a person renames ${when}, and restores their names`, async () => {
      const pod = await TestPod.run(berth, `renamed-${isDown}`);
      const id = await pod.shell("shell", registry.image, "exec sleep 1000");
      const before = (await berth.docker?.containers())?.toSorted();
      if (isDown) await berth.stopDaemon("SIGKILL");
      for (const each of [pod.id, id])
        await berth.docker?.request("POST", `/containers/${each}/rename?name=renamed-${each}`);
      if (isDown) await berth.startDaemon();
      else await berth.restartDaemon("SIGKILL");
      assert.equal((await containerStatus(berth, id)).state, ContainerState.CONTAINER_RUNNING);
      assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
      assert.equal(
        await pod.shell("next", registry.image, "exec sleep 1000").then((next) => next !== id),
        true,
      );
      await eventually("they have their names", async () => {
        const now = await berth.docker?.containers();
        return before?.every((name) => now?.includes(name));
      });
      await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
      assert.deepEqual(
        (await berth.docker?.containers())?.filter((name) => name.includes("renamed")),
        [],
      );
    });
  }

  it("restores the name of a container that a person renames at once", async () => {
    const pod = await TestPod.run(berth, "renamed");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const before = await berth.docker?.containers();
    for (const each of [pod.id, id])
      await berth.docker?.request("POST", `/containers/${each}/rename?name=renamed-${each}`);
    await eventually("they have their names", async () => {
      const now = await berth.docker?.containers();
      return now?.toSorted().join() === before?.toSorted().join();
    });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("finds a container that was renamed although a person has given its name to another", async () => {
    const pod = await TestPod.run(berth, "displaced");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const { Name } = JSON.parse((await berth.docker?.request("GET", `/containers/${id}/json`)) ?? "");
    await berth.stopDaemon("SIGKILL");
    await berth.docker?.request("POST", `/containers/${id}/rename?name=displaced`);
    const body = { Image: registry.image, HostConfig: { NetworkMode: "none" } };
    const create = `/containers/create?name=${Name.slice(1)}`;
    const other = JSON.parse((await berth.docker?.request("POST", create, body)) ?? "").Id;
    await berth.startDaemon();
    assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
    await assert.rejects(containerStatus(berth, other), /NOT_FOUND/);
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    await berth.docker?.request("DELETE", `/containers/${other}`);
  });

  it("does not take a copy of a pod's container for the pod's", async () => {
    const pod = await TestPod.run(berth, "copied");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const copies: string[] = [];
    for (const each of [pod.id, id]) {
      const details = JSON.parse((await berth.docker?.request("GET", `/containers/${each}/json`)) ?? "");
      copies.push(
        (await berth.docker?.run({ ...details.Config, HostConfig: { NetworkMode: "none" } })) ?? "",
      );
    }
    const { Id: image } = JSON.parse((await berth.docker?.request("POST", `/commit?container=${id}`)) ?? "");
    const body = { Image: image, Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } };
    copies.push((await berth.docker?.run(body)) ?? "");
    const shown = async () => {
      const { containers } = await berth.clients.runtime.listContainers({ filter: undefined });
      const { items } = await berth.clients.runtime.listPodSandbox({ filter: undefined });
      return [...containers, ...items].map((each) => each.id);
    };
    for (const restart of [true, false]) {
      if (restart) await berth.restartDaemon();
      const ids = await shown();
      assert.ok(ids.includes(pod.id) && ids.includes(id));
      assert.ok(!copies.some((copy) => ids.includes(copy)));
    }
    for (const copy of copies) await berth.docker?.request("DELETE", `/containers/${copy}?force=true`);
    await berth.docker?.request("DELETE", `/images/${image}`);
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("writes no line twice although a log was rotated just before an end by SIGKILL", async () => {
    const pod = await TestPod.run(berth, "rotated");
    const script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";
    const containerId = await pod.shell("count", registry.image, script);
    const path = join(pod.config.logDirectory, "count.log");
    const { runtime } = berth.clients;
    const grows = () =>
      eventually("the log grows", async () => (await pod.log("count").catch(() => [])).length > 5);
    await grows();
    await rename(path, `${path}.20260101-000000`);
    await runtime.reopenContainerLog({ containerId });
    await grows();
    await berth.restartDaemon("SIGKILL");
    const seen = (await pod.log("count")).length;
    await eventually("the log goes on", async () => (await pod.log("count")).length > seen);
    await berth.clients.runtime.stopContainer({ containerId, timeout: 0n });
    const texts = await Promise.all([`${path}.20260101-000000`, path].map((file) => readFile(file, "utf8")));
    const numbers = [...texts.join("").matchAll(/ stdout F (\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(numbers, [...numbers.keys()]);
  });

  it("does not take a container for a pod's because its image says so", async () => {
    const pod = await TestPod.run(berth, "own");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const log = join(berth.directory, "chosen-by-an-image");
    const details = JSON.parse((await berth.docker?.request("GET", `/containers/${id}/json`)) ?? "");
    const Labels = { ...details.Config.Labels, "berth.log": log };
    await pushImage(registry, "posing", "latest", await busyboxImage({ config: { Labels } }));
    const image = `${registry.host}/posing:latest`;
    await berth.pull(image);
    const HostConfig = { NetworkMode: "none" };
    const posing = await berth.docker?.run({ Image: image, Cmd: ["sh", "-c", "echo posing"], HostConfig });
    // When it answers, it has looked at everything.
    await berth.restartDaemon();
    const { containers } = await berth.clients.runtime.listContainers({ filter: undefined });
    assert.ok(containers.some((container) => container.id === id));
    assert.ok(!containers.some((container) => container.id === posing));
    assert.equal(await exists(log), false);
    await berth.docker?.request("DELETE", `/containers/${posing}?force=true`);
  });

  it("reports what happens to pods, even if somebody else does it", async () => {
    const events = berth.clients.rawRuntime.getContainerEvents({});
    const seen: ContainerEventResponse[] = [];
    events.on("data", (event: ContainerEventResponse) => seen.push(event));
    const over = once(events, "error");
    const pod = await TestPod.run(berth, "events");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    await berth.docker?.request("POST", `/containers/${id}/kill`);
    const kinds = () =>
      seen
        .filter(({ containerId }) => containerId === id)
        .map(({ containerEventType }) => containerEventType);
    await eventually("its end has come", async () =>
      kinds().includes(ContainerEventType.CONTAINER_STOPPED_EVENT),
    );
    assert.deepEqual(kinds(), [
      ContainerEventType.CONTAINER_CREATED_EVENT,
      ContainerEventType.CONTAINER_STARTED_EVENT,
      ContainerEventType.CONTAINER_STOPPED_EVENT,
    ]);
    events.cancel();
    await over;
  });

  it("gets the figures of containers and pods from cgroups", async () => {
    const pod = await TestPod.run(berth, "figures");
    const id = await pod.shell(
      "busy",
      registry.image,
      "head -c 2000000 /dev/zero > /file; while :; do :; done",
    );
    const stats = await eventually("it has used some CPU", async () => {
      const { stats } = await berth.clients.runtime.containerStats({ containerId: id });
      return (stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n ? stats : undefined;
    });
    assert.ok((stats.memory?.workingSetBytes?.value ?? 0n) > 0n);
    await eventually("its layer is measured", async () => {
      const { stats } = await berth.clients.runtime.containerStats({ containerId: id });
      return (stats?.writableLayer?.usedBytes?.value ?? 0n) >= 2_000_000n;
    });
    const { stats: ofPod } = await berth.clients.runtime.podSandboxStats({ podSandboxId: pod.id });
    assert.equal(ofPod?.linux?.network?.defaultInterface?.name, "eth0");
  });
});
