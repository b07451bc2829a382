import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { status } from "@grpc/grpc-js";
import { exists } from "../src/ground/fs/index.ts";
import { unreadBytes } from "../src/ground/linux/index.ts";
import { ContainerState, ImageSpec, NamespaceMode, PodSandboxState } from "../src/ground/protocol/index.ts";
import { TestBerth } from "./support/berth.ts";
import { cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { createLater, updateContainerRecords } from "./support/older-records.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const podCount = 20;

describe("a restart of the daemon", () => {
  const host = withBerth();

  it("follows what it could not look at as soon as it can", async () => {
    const { berth } = host;
    const securityContext = { namespaceOptions: { pid: NamespaceMode.POD } };
    const pod = await TestPod.run(berth, "later", { linux: { securityContext } });
    const containerId = await pod.shell(
      "main",
      host.image,
      "while [ ! -e /end ]; do sleep 0.05; done; exit 7",
    );
    const { CONTAINER_RUNNING, CONTAINER_UNKNOWN } = ContainerState;
    const state = async () => (await containerStatus(berth, containerId)).state;
    await berth.stopDaemon();
    const bundles = [join("containers", containerId), join("sandboxes", pod.id, "pause")];
    // In the way of a file that is removed when a task is taken up.
    const obstacles = bundles.map((bundle) => join(berth.state, bundle, "still"));
    for (const obstacle of obstacles) await mkdir(obstacle);
    await berth.startDaemon();
    assert.equal(await state(), CONTAINER_UNKNOWN);
    for (const obstacle of obstacles) await rmdir(obstacle);
    const limitMs = 60_000;
    await eventually("the container is known", async () => (await state()) === CONTAINER_RUNNING, {
      limitMs,
    });
    await execSync(berth, containerId, "touch", "/end");
    assert.equal((await exited(berth, containerId)).exitCode, 7);
    const task = join(berth.state, "containers", containerId, "task.json");
    await eventually("its task is removed, after its exit was recorded", async () => !(await exists(task)));
    const pid = (await readFile(join(berth.state, bundles[1] ?? "", "pidfile"), "utf8")).trim();
    await eventually("the pod is seen to end with its pause process", async () => {
      kill(Number(pid));
      const { status } = await berth.clients.runtime.podSandboxStatus({
        podSandboxId: pod.id,
        verbose: false,
      });
      return status?.state === PodSandboxState.SANDBOX_NOTREADY;
    });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`by ${signal} leaves ${podCount} pods running and reports the exits that happened meanwhile`, async () => {
      const { berth } = host;
      const names = Array.from({ length: podCount }, (_, index) => `${signal.toLowerCase()}-${index}`);
      const pods = await Promise.all(names.map((name) => TestPod.run(berth, name)));
      // Every third container exits by itself while the daemon is down.
      const script = (index: number) =>
        index % 3 === 0 ? "sleep 0.5; exit 5" : "while true; do echo tick; sleep 0.1; done";
      const ids = await Promise.all(pods.map((pod, index) => pod.shell("main", host.image, script(index))));
      const before = await Promise.all(ids.map((id) => containerStatus(berth, id)));

      await berth.stopDaemon(signal);
      const talker = pods[1] ?? assert.fail();
      const lines = (await talker.log("main")).length;
      await eventually(
        "the log goes on without the daemon",
        async () => (await talker.log("main")).length > lines + 6,
      );
      await berth.startDaemon();

      const { items } = await berth.clients.runtime.listPodSandbox({ filter: undefined });
      const ready = items.filter(
        ({ id, state }) => pods.some((pod) => pod.id === id) && state === PodSandboxState.SANDBOX_READY,
      );
      assert.equal(ready.length, podCount);
      for (const [index, id] of ids.entries()) {
        if (index % 3 === 0) {
          assert.equal((await exited(berth, id)).exitCode, 5);
        } else {
          const status = await containerStatus(berth, id);
          assert.equal(status.state, ContainerState.CONTAINER_RUNNING);
          assert.equal(status.startedAt, before[index]?.startedAt);
          assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
        }
      }
      await Promise.all(pods.map(({ id }) => berth.clients.runtime.removePodSandbox({ podSandboxId: id })));
    });
  }

  it("keeps images, stopped pods and containers that have not been started", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "kept");
    const stopped = await TestPod.run(berth, "stopped");
    await berth.clients.runtime.stopPodSandbox({ podSandboxId: stopped.id });
    const containerId = await pod.create(shellConfig("later", host.image, "exec sleep 1000"));
    await berth.restartDaemon("SIGKILL");
    const { runtime, images } = berth.clients;
    await runtime.startContainer({ containerId });
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    const { status } = await runtime.podSandboxStatus({ podSandboxId: stopped.id, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    assert.equal((await images.listImages({ filter: undefined })).images.length, 1);
  });

  it("for an update of the records of containers and pods keeps each unchanged, and containers keep running", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "updated");
    const running = await pod.shell("running", host.image, "exec sleep 1000");
    const ended = await pod.shell("ended", host.image, "exit 3");
    await exited(berth, ended);
    const waiting = await pod.create(shellConfig("waiting", host.image, "exec sleep 1000"));
    const statuses = () => Promise.all([running, ended, waiting].map((id) => containerStatus(berth, id)));
    const { runtime } = berth.clients;
    const before = [
      await statuses(),
      await runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: false }),
    ];
    await berth.stopDaemon();
    assert.ok(updateContainerRecords(berth) >= 4);
    await berth.startDaemon();
    const after = berth.clients.runtime;
    const now = [await statuses(), await after.podSandboxStatus({ podSandboxId: pod.id, verbose: false })];
    assert.deepEqual(now, before);
    assert.equal(await execSync(berth, running, "echo", "alive"), "alive\n");
    await after.startContainer({ containerId: waiting });
    await after.removePodSandbox({ podSandboxId: pod.id });
    await assert.rejects(containerStatus(berth, running), { code: status.NOT_FOUND });
  });

  it("with a clock that was set back gives new objects of a pod later times than existing ones", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "back");
    const first = await pod.shell("main", host.image, "exit 1");
    await exited(berth, first);
    const dayNs = 24n * 3_600_000_000_000n;
    await berth.stopDaemon();
    createLater(berth, dayNs);
    await berth.startDaemon();
    const { runtime } = berth.clients;
    const attempt = (number: number) => ({ metadata: { name: "main", attempt: number } });
    const second = await pod.shell("main", host.image, "exec sleep 1000", attempt(1));
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    const metadata = { ...pod.config.metadata, attempt: 1 };
    const next = await TestPod.run(berth, "back", { metadata });
    const third = await next.shell("main", host.image, "exec sleep 1000", attempt(2));
    const other = await TestPod.run(berth, "other");
    const { containers } = await runtime.listContainers({ filter: undefined });
    const { items: sandboxes } = await runtime.listPodSandbox({ filter: undefined });
    const made = [first, second, third, pod.id, next.id, other.id];
    const latestFirst = (list: readonly { readonly id: string; readonly createdAt: bigint }[]) =>
      list
        .filter(({ id }) => made.includes(id))
        .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
        .map(({ id }) => id);
    assert.deepEqual(latestFirst(containers), [third, second, first]);
    // Other pods have times from the clock.
    assert.deepEqual(latestFirst(sandboxes), [next.id, pod.id, other.id]);
    for (const { id } of [pod, next, other]) await runtime.removePodSandbox({ podSandboxId: id });
  });

  it("during a rotation loses neither the container nor its output", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "rotating");
    const containerId = await pod.shell("talk", host.image, "while true; do echo line; sleep 0.05; done");
    const saysMore = (what: string) =>
      eventually(what, async () => (await pod.log("talk").catch(() => [])).length > 0);
    const rotate = () =>
      rename(join(pod.config.logDirectory, "talk.log"), join(pod.config.logDirectory, "talk.log.1"));
    await saysMore("there is a line");
    await rotate();
    const bundle = join(berth.state, "containers", containerId);
    const monitor = Number(await readFile(join(bundle, "conmon.pid"), "utf8"));
    process.kill(monitor, "SIGSTOP");
    try {
      await using control = await open(join(bundle, "ctl"), constants.O_RDWR | constants.O_NONBLOCK);
      const failed = assert.rejects(berth.clients.runtime.reopenContainerLog({ containerId }));
      await eventually("conmon is told", async () => unreadBytes(control.fd) > 0);
      await berth.stopDaemon("SIGKILL");
      await failed;
    } finally {
      process.kill(monitor, "SIGCONT");
    }
    await saysMore("there is a line in the new file");
    await berth.startDaemon();
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    const { runtime } = berth.clients;
    await rotate();
    await runtime.reopenContainerLog({ containerId });
    await saysMore("there is a line in the file after that");
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("with another snapshotter keeps the containers of the earlier one, and removes them completely", async () => {
    await using berth = await TestBerth.start({
      config: '[images]\nsnapshotter = "native"\ngc_delay = "0s"\n',
    });
    await berth.pull(host.image);
    const pod = await TestPod.run(berth, "former");
    const volume = { containerPath: "/volume", image: { image: host.image }, readonly: true };
    const containerId = await pod.shell("main", host.image, "exec sleep 1000", { mounts: [volume] });
    const mounted = await cliOutput(berth, "image", "mount", host.image);
    await berth.stopDaemon();
    const config = join(berth.directory, "config.toml");
    const text = await readFile(config, "utf8");
    await writeFile(config, text.replace('snapshotter = "native"', 'snapshotter = "overlayfs"'));
    await berth.startDaemon();
    const { runtime, images } = berth.clients;
    assert.equal(await execSync(berth, containerId, "/volume/bin/echo", "alive"), "alive\n");
    const { info } = await runtime.containerStatus({ containerId, verbose: true });
    assert.equal(JSON.parse(info.info ?? "").snapshotter, "native");
    const layer = await eventually("the container's layer was measured", async () => {
      const { stats } = await runtime.containerStats({ containerId });
      return stats?.writableLayer;
    });
    assert.equal(layer.fsId?.mountpoint, join(berth.root, "snapshots/native/k8s.io"));
    await pod.shell("later", host.image, "exec sleep 1000");
    await execSync(berth, containerId, "/bin/touch", "/written");
    const archive = join(berth.directory, "exported.tar");
    await cliOutput(berth, "export", "--output", archive, containerId);
    assert.match((await promisify(execFile)("tar", ["-tf", archive])).stdout, /^written$/m);
    const committed = await cliOutput(berth, "commit", containerId);
    assert.equal(await cliOutput(berth, "image", "diff", committed), "A /written");
    await cliOutput(berth, "rmi", committed);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    await cliOutput(berth, "image", "umount", mounted);
    await images.removeImage({ image: ImageSpec.fromPartial({ image: host.image }) });
    for (const kind of ["native", "overlayfs"])
      await eventually(`${kind} has no snapshot`, async () => {
        const names = await readdir(join(berth.root, "snapshots", kind, "k8s.io"));
        return !names.some((name) => /^\d+$/.test(name));
      });
  });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
