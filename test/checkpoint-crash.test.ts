import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { bindMount, unmount } from "../src/ground/linux/index.ts";
import { ContainerState, containerd } from "../src/ground/protocol/index.ts";
import type { TestRegistry } from "../src/testing/registry.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { checkpoint, counting, countsTo, manyToDump } from "./support/checkpoints.ts";
import { eventually } from "./support/condition.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { checkpointing } from "./support/criu.ts";
import { containerStatus, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";

const { Status } = containerd.types;
const options = await checkpointing();

describe("a daemon that is killed in the middle of a checkpoint", () => {
  let registry: (TestRegistry & { readonly image: string }) | undefined;
  let started: CrashingBerth | undefined;
  const cut = (): CrashingBerth => started ?? assert.fail("not started");
  const berth = () => cut().berth;
  const image = () => registry?.image ?? "";
  const pod = (name: string) => TestPod.run(berth(), name, { linux: { cgroupParent: cut().cgroupParent } });

  const goesOn = async (of: TestPod, name: string) => {
    const said = (await of.log(name)).length;
    // The daemon tries a failed rollback again after some seconds.
    await eventually(`${name} goes on`, async () => (await of.log(name)).length > said + 2, {
      limitMs: 60_000,
    });
  };
  const journalOf = (id: string) => join(berth().root, "checkpoints", `dump-${id}`, "journal.json");
  const nothingLeft = () =>
    eventually("nothing is left of the checkpoint", async () => {
      const names = await readdir(join(berth().root, "checkpoints"));
      return names.length === 0;
    });

  before(async () => {
    registry = await startBusyboxRegistry();
    started = await CrashingBerth.start(options);
    await started.berth.pull(registry.image);
  });
  after(async () => {
    await started?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  for (const step of ["checkpoint-pause", "checkpoint-dump", "checkpoint-archive", "checkpoint-finish"]) {
    it(`before ${step} lets the container continue after its restart, and leaves no partial archive`, async () => {
      const one = await pod(step);
      const id = await one.shell("main", image(), counting);
      await countsTo(one, "main", 3);
      const directory = join(berth().directory, step);
      await mkdir(directory);
      const location = join(directory, "checkpoint.tar");
      await writeFile(location, "an earlier one");
      await cut().cutAt(step, () => checkpoint(berth(), id, location));
      await berth().startDaemon();
      await goesOn(one, "main");
      await nothingLeft();
      assert.deepEqual(await readdir(directory), ["checkpoint.tar"]);
      assert.equal(await readFile(location, "utf8"), "an earlier one");
      await checkpoint(berth(), id, location);
      await goesOn(one, "main");
      await berth().clients.runtime.stopContainer({ containerId: id, timeout: 0n });
      assert.equal((await exited(berth(), id)).exitCode, 137);
    });
  }

  for (const [name, what, obstacleOf] of [
    [
      "unknown",
      "the container could not be looked at",
      (id: string) => join(berth().state, "containers", id, "still"),
    ],
    [
      "unread",
      "the record of the checkpoint could not be read",
      (id: string) => join(journalOf(id), "still"),
    ],
  ] as const) {
    it(`lets the container continue also if ${what} at first`, async () => {
      const one = await pod(name);
      const id = await one.shell("main", image(), counting);
      await countsTo(one, "main", 3);
      await cut().cutAt("checkpoint-dump", () =>
        checkpoint(berth(), id, join(berth().directory, `${name}.tar`)),
      );
      const obstacle = obstacleOf(id);
      const [journal, aside] = [journalOf(id), `${journalOf(id)}.aside`];
      const isInItsPlace = dirname(obstacle) === journal;
      if (isInItsPlace) await rename(journal, aside);
      await mkdir(obstacle, { recursive: true });
      await berth().startDaemon();
      await eventually("the rollback has failed", async () =>
        new RegExp(`dump-${id}.*rolling back an interrupted checkpoint failed`).test(
          await berth().daemonLog(),
        ),
      );
      if (isInItsPlace) {
        const another = checkpoint(berth(), id, join(berth().directory, "another.tar"));
        await assert.rejects(another, {
          code: status.UNAVAILABLE,
          details: /is not rolled back yet; try again/,
        });
      }
      await rmdir(obstacle);
      if (isInItsPlace) {
        await rmdir(journal);
        await rename(aside, journal);
      }
      await goesOn(one, "main");
      await nothingLeft();
    });
  }

  it("keeps a container paused that a client had paused, and another continues", async () => {
    const one = await pod("paused");
    const ids = [await one.shell("first", image(), counting), await one.shell("second", image(), counting)];
    for (const name of ["first", "second"]) await countsTo(one, name, 3);
    const [containerId = ""] = ids;
    using clients = new ContainerdClients(berth().socket);
    await clients.in("k8s.io").tasks.pause({ containerId });
    const outputPath = join(berth().directory, "paused");
    await mkdir(outputPath);
    const request = { podSandboxId: one.id, outputPath, containerIds: ids, options: {} };
    await cut().cutAt("checkpoint-dump", () => berth().clients.runtime.checkpointPod(request));
    await berth().startDaemon();
    await goesOn(one, "second");
    await nothingLeft();
    using again = new ContainerdClients(berth().socket);
    const { tasks } = again.in("k8s.io");
    assert.equal((await tasks.get({ containerId, execId: "" })).process?.status, Status.PAUSED);
    await tasks.resume({ containerId });
    await goesOn(one, "first");
  });

  it("while criu works kills that before the container continues", async () => {
    const one = await pod("at-work");
    const id = await one.shell("main", image(), `${manyToDump}; ${counting}`);
    await eventually("it counts", async () => (await one.log("main")).includes("stdout F 3"));
    const location = join(berth().directory, "at-work.tar");
    const cutOff = checkpoint(berth(), id, location).catch(() => undefined);
    const criuLog = join(berth().root, "checkpoints", `dump-${id}`, "criu", id, "dump.log");
    await eventually("criu is at work", async () => (await readFile(criuLog, "utf8").catch(() => "")) !== "");
    await berth().restartDaemon("SIGKILL");
    await cutOff;
    await goesOn(one, "main");
    await nothingLeft();
    await checkpoint(berth(), id, location);
    await goesOn(one, "main");
  });

  for (const [name, where] of [
    ["paused-later", ""],
    ["paused-unnoted", ", also if the record of the checkpoint cannot be written"],
  ] as const)
    it(`whose rollback succeeds later does not let a container continue that a client has paused meanwhile${where}`, async () => {
      const one = await pod(name);
      const containerId = await one.shell("main", image(), counting);
      await countsTo(one, "main", 3);
      const outputPath = join(berth().directory, name);
      await mkdir(outputPath);
      const request = { podSandboxId: one.id, outputPath, containerIds: [containerId], options: {} };
      await cut().cutAt("checkpoint-archive", () => berth().clients.runtime.checkpointPod(request));
      const held = join(outputPath, ".criu", "held");
      await mkdir(held);
      await using cleanup = new AsyncDisposableStack();
      await bindMount(held, held);
      cleanup.defer(() => unmount(held));
      if (where !== "") await mkdir(`${journalOf(one.id)}.new`);
      await berth().startDaemon();
      await goesOn(one, "main");
      await eventually("the rollback has failed", async () =>
        new RegExp(`dump-${one.id}.*rolling back an interrupted checkpoint failed`).test(
          await berth().daemonLog(),
        ),
      );
      using clients = new ContainerdClients(berth().socket);
      const { tasks } = clients.in("k8s.io");
      await tasks.pause({ containerId });
      await cleanup.disposeAsync();
      await nothingLeft();
      assert.equal((await tasks.get({ containerId, execId: "" })).process?.status, Status.PAUSED);
      await tasks.resume({ containerId });
      await goesOn(one, "main");
    });

  it("after it was finished keeps the new archive", async () => {
    const one = await pod("finished");
    const id = await one.shell("main", image(), counting);
    await countsTo(one, "main", 3);
    const directory = join(berth().directory, "finished");
    await mkdir(directory);
    const location = join(directory, "checkpoint.tar");
    await cut().cutAt("checkpoint-finished", () => checkpoint(berth(), id, location));
    await berth().startDaemon();
    await goesOn(one, "main");
    await nothingLeft();
    assert.deepEqual(await readdir(directory), ["checkpoint.tar"]);
    const containerId = await one.create(shellConfig("restored", location, ""));
    await berth().clients.runtime.removeContainer({ containerId });
  });

  for (const step of ["checkpoint-archive", "checkpoint-finish", "checkpoint-finished"]) {
    it(`of a pod before ${step} lets all its containers continue, and leaves the directory empty`, async () => {
      const one = await pod(`pod-${step}`);
      const ids = [await one.shell("first", image(), counting), await one.shell("second", image(), counting)];
      for (const name of ["first", "second"]) await countsTo(one, name, 3);
      const outputPath = join(berth().directory, `pod-${step}`);
      await mkdir(outputPath);
      const request = { podSandboxId: one.id, outputPath, containerIds: ids, options: {} };
      await cut().cutAt(step, () => berth().clients.runtime.checkpointPod(request));
      await berth().startDaemon();
      for (const name of ["first", "second"]) await goesOn(one, name);
      await nothingLeft();
      assert.deepEqual(await readdir(outputPath), []);
      await berth().clients.runtime.checkpointPod(request);
    });
  }

  for (const step of ["container-restore", "container-commit", "container-start", "container-started"]) {
    it(`or at a restore, before ${step}, has a complete container or none, and the client's retry restores it`, async () => {
      const one = await pod(`restore-${step}`);
      const id = await one.shell("main", image(), counting);
      await countsTo(one, "main", 3);
      const location = join(berth().directory, `${step}.tar`);
      await checkpoint(berth(), id, location);
      const config = shellConfig("restored", location, "");
      const restore = async () => {
        const containerId = await one.create(config);
        await berth().clients.runtime.startContainer({ containerId });
        return containerId;
      };
      await cut().cutAt(step, restore);
      await berth().startDaemon();
      if (step === "container-started") {
        const { containers } = await berth().clients.runtime.listContainers({ filter: undefined });
        const found = containers.find(({ metadata }) => metadata?.name === "restored");
        assert.equal(found?.state, ContainerState.CONTAINER_RUNNING);
        await nothingLeft();
        await berth().clients.runtime.stopContainer({ containerId: found.id, timeout: 0n });
        assert.equal((await exited(berth(), found.id)).exitCode, 137);
        await berth().clients.runtime.removeContainer({ containerId: found.id });
      } else {
        const restored = await restore();
        await countsTo(one, "restored", 10);
        assert.equal((await containerStatus(berth(), restored)).state, ContainerState.CONTAINER_RUNNING);
      }
      await nothingLeft();
    });
  }
});
