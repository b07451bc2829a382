import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { containerd } from "../src/ground/protocol/index.ts";
import { ClientContainers } from "./support/client-containers.ts";
import { eventually } from "./support/condition.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { Status } = containerd.types;
type Labels = Readonly<Record<string, string>>;

describe("containers that are restarted according to their labels", () => {
  let own: ClientContainers;
  // Before the daemon ends, since hooks run in the order of their registration.
  after(() => own?.[Symbol.asyncDispose]());
  const host = withContainerd();
  before(async () => {
    own = await ClientContainers.open(host.clients, "restarts");
  });

  const labelled = (labels: Labels) =>
    Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [`containerd.io/restart.${name}`, value]),
    );
  const label = async (id: string, labels: Labels) => {
    const container = containerd.containersV1.Container.fromPartial({ id, labels: labelled(labels) });
    const updateMask = Object.keys(container.labels).map((name) => `labels.${name}`);
    await own.api.containers.update({ container, updateMask });
  };
  const run = async (id: string, script: string, labels: Labels) => {
    const log = join(own.directory, `${id}.log`);
    const stdout = `file://${log}`;
    await own.task({ id, args: ["/bin/sh", "-c", script] }, { stdout });
    await label(id, { status: "running", loguri: stdout, ...labels });
    const { pid } = await own.api.tasks.start({ containerId: id, execId: "" });
    return { pid, lines: async () => (await readFile(log, "utf8")).trimEnd().split("\n") };
  };
  const found = async (containerId: string) =>
    (await own.api.tasks.get({ containerId, execId: "" }).catch(() => undefined))?.process;
  const count = async (id: string) =>
    (await own.api.containers.get({ id })).container?.labels["containerd.io/restart.count"];
  const kill = (containerId: string) => own.api.tasks.kill({ containerId, execId: "", signal: 9, all: true });
  const runsAgain = (id: string, before: number) =>
    eventually(`${id} runs again`, async () => {
      const process = await found(id);
      return process?.status === Status.RUNNING && process.pid !== before && process.pid;
    });
  const remove = async (id: string) => {
    await own.api.containers.delete({ id });
    await own.api.snapshots.remove({ snapshotter: "overlayfs", key: id });
  };
  const gone = async (id: string) => {
    await label(id, { "explicitly-stopped": "true" });
    await kill(id);
    await own.api.tasks.wait({ containerId: id, execId: "" });
    await own.api.tasks.delete({ containerId: id });
    await remove(id);
  };

  test("one that always runs is recreated each time, with its files, and its output continues", async () => {
    const { pid, lines } = await run("always", "echo run >> /runs; wc -l < /runs; exec sleep 1000", {
      policy: "always",
    });
    await eventually("it has run once", async () => (await lines()).join(" ") === "1");
    await kill("always");
    const again = await runsAgain("always", pid);
    assert.equal(await count("always"), "1");
    await eventually("it has run twice", async () => (await lines()).join(" ") === "1 2");
    await kill("always");
    await runsAgain("always", again);
    await eventually("it has run three times", async () => (await lines()).length === 3);
    assert.deepEqual([await lines(), await count("always")], [["1", "2", "3"], "2"]);
    await gone("always");
  });

  test("one that fails is restarted as often as its policy says, and one that succeeds is not", async () => {
    const failing = await run("failing", "echo tried; exit 3", { policy: "on-failure:1" });
    const ending = await run("ending", "echo ended", { policy: "on-failure" });
    const other = await run("other", "sleep 1; echo ran", { policy: "always" });
    // As long as another one takes to run three times.
    await eventually("the other has run often", async () => (await other.lines()).length === 3);
    assert.deepEqual([await failing.lines(), await ending.lines()], [["tried", "tried"], ["ended"]]);
    assert.equal((await found("failing"))?.exitStatus, 3);
    for (const id of ["failing", "ending", "other"]) await gone(id);
  });

  test("one that was stopped explicitly stays stopped; one that should be stopped is killed", async () => {
    const { pid } = await run("stopped", "exec sleep 1000", { policy: "unless-stopped" });
    await run("unwanted", "exec sleep 1000", { policy: "always" });
    await label("stopped", { "explicitly-stopped": "true" });
    await kill("stopped");
    await label("unwanted", { status: "stopped" });
    await eventually("the other is gone", async () => (await found("unwanted")) === undefined);
    await remove("unwanted");
    const stopped = await found("stopped");
    assert.deepEqual([stopped?.status, stopped?.pid], [Status.STOPPED, pid]);
    await label("stopped", { "explicitly-stopped": "false" });
    await runsAgain("stopped", pid);
    await gone("stopped");
  });

  test("the next daemon restarts those that have ended meanwhile, and those that always run even if they were stopped", async () => {
    const ended = await run("ended", "exec sleep 1000", { policy: "unless-stopped" });
    const stopped = await run("stopped", "exec sleep 1000", { policy: "unless-stopped" });
    const always = await run("always", "exec sleep 1000", { policy: "always" });
    const runs = await run("runs", "exec sleep 1000", { policy: "always" });
    for (const id of ["stopped", "always"]) {
      await label(id, { "explicitly-stopped": "true" });
      await kill(id);
      await own.api.tasks.wait({ containerId: id, execId: "" });
    }
    await host.berth.stopDaemon("SIGKILL");
    process.kill(ended.pid, "SIGKILL");
    await host.berth.startDaemon();
    await runsAgain("ended", ended.pid);
    await runsAgain("always", always.pid);
    assert.equal((await found("stopped"))?.pid, stopped.pid);
    assert.deepEqual([(await found("runs"))?.pid, await count("runs")], [runs.pid, undefined]);
    for (const id of ["ended", "stopped", "always", "runs"]) await gone(id);
  });

  test("one that a client removes while it is stopped is not restarted", async () => {
    await run("removed", "exec sleep 1000", { policy: "always" });
    const other = await run("other", "exec sleep 1000", { policy: "always" });
    await kill("removed");
    await own.api.tasks.wait({ containerId: "removed", execId: "" });
    await own.api.tasks.delete({ containerId: "removed" });
    await remove("removed");
    await kill("other");
    await runsAgain("other", other.pid);
    assert.equal(await found("removed"), undefined);
    await gone("other");
  });
});
