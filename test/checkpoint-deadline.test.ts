import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { checkpoint, counting, countsTo, dumping } from "./support/checkpoints.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { execSync, exited, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const options = await checkpointing();

/** One process with much memory, one that echoes, and one that counts. */
const script = `dd if=/dev/zero bs=200M count=1 2>/dev/null | (sleep 100000) & nc -ll -p 7000 -e cat & ${counting}`;

describe("a checkpoint that is not finished in time", () => {
  const host = withBerth(options);
  const rpc = () => host.berth.clients.runtime;
  const killed = async () => (await host.berth.daemonLog()).includes("criu did not exit");

  const start = async (name: string) => {
    const pod = await TestPod.run(host.berth, name);
    const id = await pod.shell("main", host.image, script);
    await countsTo(pod, "main", 3);
    await eventually("it has its memory", async () => {
      const status = await execSync(host.berth, id, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null; true");
      return status.split("\n").some((line) => Number(/^VmRSS:\s*(\d+)/.exec(line)?.[1] ?? 0) > 200_000);
    });
    const directory = join(host.berth.directory, name);
    await mkdir(directory);
    const location = join(directory, "checkpoint.tar");
    await writeFile(location, "an earlier one");
    const scratch = join(host.berth.root, "checkpoints", `dump-${id}`, "criu", id);
    return { pod, id, directory, location, scratch };
  };
  type Started = Awaited<ReturnType<typeof start>>;

  /** criu writes the memory of the large process, and is not in any other process then. */
  const atWork = ({ scratch }: Started) =>
    eventually("criu writes memory", async () => {
      const images = join(scratch, "checkpoint");
      const pages = (await readdir(images).catch(() => [])).filter((name) => name.startsWith("pages-"));
      const sizes = await Promise.all(pages.map((name) => stat(join(images, name)).catch(() => undefined)));
      return sizes.some((one) => one !== undefined && one.size > 20_000_000);
    });

  /** Only criu: a slow OCI runtime would not have started it before the deadline. */
  const slowDown = ({ scratch }: Started, slow: SlowCgroup, isOver = () => false) =>
    eventually("criu is there", async () => {
      if (isOver()) return true;
      const pids = await dumping(scratch);
      // It changes its command line while it runs.
      const names = await Promise.all(
        pids.map((pid) => readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")),
      );
      const ofCriu = pids.filter((_, index) => names[index] === "criu\n");
      await Promise.all(ofCriu.map((pid) => slow.add(pid)));
      return ofCriu.length > 0;
    });

  const goesOn = async ({ pod, id, directory, location, scratch }: Started) => {
    assert.deepEqual(await dumping(scratch), []);
    assert.deepEqual(await readdir(directory), ["checkpoint.tar"]);
    assert.equal(await readFile(location, "utf8"), "an earlier one");
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    const said = (await pod.log("main")).length;
    await eventually("it goes on", async () => (await pod.log("main")).length > said + 2);
    assert.equal(await echoed(await pod.ip(), "hello"), "hello");
    await checkpoint(host.berth, id, location);
    await rpc().stopContainer({ containerId: id, timeout: 0n });
    assert.equal((await exited(host.berth, id)).exitCode, 137);
  };

  const checkpointed = ({ id: containerId, location }: Started) =>
    rpc()
      .checkpointContainer({ containerId, location, timeout: 1n })
      .then(
        () => "done",
        (error: unknown) => String(error),
      );

  /** Without a deadline; the returned function aborts the client's call. */
  const checkpointedUntilGivenUp = ({ id: containerId, location }: Started) => {
    const call = host.berth.clients.rawRuntime.checkpointContainer(
      { containerId, location, timeout: 0n },
      () => undefined,
    );
    return () => call.cancel();
  };

  const takenBack = () =>
    eventually("it was taken back", async () => {
      const left = await readdir(join(host.berth.root, "checkpoints"));
      return left.length === 0;
    });

  it("is ended while criu writes, which reverts its changes, and the container continues", async () => {
    const one = await start("slow");
    await using slow = await slowCgroup();
    const outcome = checkpointed(one);
    let isOver = false;
    void outcome.then(() => {
      isOver = true;
    });
    // On a busy machine, criu may not have started within the second.
    await slowDown(one, slow, () => isOver);
    // The second is over then, and criu reverts its changes at normal speed.
    await delay(1_500);
    await slow.lift();
    assert.match(await outcome, /DEADLINE_EXCEEDED.*1000 ms/);
    assert.ok(!(await killed()));
    await goesOn(one);
  });

  it("is ended if criu hangs, and the container continues", async () => {
    const one = await start("stopped");
    await using slow = await slowCgroup();
    const giveUp = checkpointedUntilGivenUp(one);
    await slowDown(one, slow);
    await atWork(one);
    for (const pid of await dumping(one.scratch)) process.kill(pid, "SIGSTOP");
    await slow.lift();
    giveUp();
    await takenBack();
    assert.ok(await killed());
    await goesOn(one);
  });

  it("is ended when its container is being stopped", async () => {
    const one = await start("stopping");
    await using slow = await slowCgroup();
    const outcome = rpc()
      .checkpointContainer({ containerId: one.id, location: one.location, timeout: 0n })
      .then(
        () => "done",
        (error: unknown) => String(error),
      );
    await slowDown(one, slow);
    await atWork(one);
    for (const pid of await dumping(one.scratch)) process.kill(pid, "SIGSTOP");
    await slow.lift();
    await rpc().stopContainer({ containerId: one.id, timeout: 0n });
    assert.match(await outcome, /ABORTED.*was stopped while it was being checkpointed/);
    assert.equal((await exited(host.berth, one.id)).exitCode, 137);
    assert.deepEqual(await readdir(one.directory), ["checkpoint.tar"]);
    assert.equal(await readFile(one.location, "utf8"), "an earlier one");
    assert.deepEqual(await dumping(one.scratch), []);
  });

  it("is ended when its client disconnects, and the container continues", async () => {
    const one = await start("canceled");
    await using slow = await slowCgroup();
    const giveUp = checkpointedUntilGivenUp(one);
    await slowDown(one, slow);
    giveUp();
    await slow.lift();
    await takenBack();
    await goesOn(one);
  });
});

/** The reply of the server in a pod. */
async function echoed(address: string, said: string): Promise<string> {
  const socket = connect(7000, address);
  socket.end(said);
  return text(socket);
}

type SlowCgroup = Awaited<ReturnType<typeof slowCgroup>>;

/** A cgroup whose processes get a twenty-fifth of a processor, until that limit is removed. */
async function slowCgroup() {
  const directory = `/sys/fs/cgroup/cpu/berth-slow-${process.pid}`;
  await mkdir(directory);
  await writeFile(join(directory, "cpu.cfs_period_us"), "100000");
  await writeFile(join(directory, "cpu.cfs_quota_us"), "4000");
  return {
    lift: () => writeFile(join(directory, "cpu.cfs_quota_us"), "-1"),
    add: (pid: number) => writeFile(join(directory, "cgroup.procs"), String(pid)).catch(() => undefined),
    [Symbol.asyncDispose]: () => rmdir(directory),
  };
}
