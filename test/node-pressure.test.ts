/** The manager's pods when the machine runs out of a resource. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { TurnedClock } from "../src/ground/clock/testing/turned-clock.ts";
import { quantityValue } from "../src/ground/quantity/index.ts";
import { eventually } from "./support/condition.ts";
import { TestPods } from "./support/with-pods.ts";

describe("a machine whose disk fills up", () => {
  const limits = { eviction: { "nodefs.available": "10%" }, imagesHighPercent: 100, imagesLowPercent: 100 };
  const pods = new TestPods({ limits, disk: { bytes: 32 * 2 ** 20 } });
  const volumes = [{ name: "scratch", emptyDir: {} }];
  const writing = (script: string, more: object = {}) =>
    pods.container({ volumeMounts: [{ name: "scratch", mountPath: "/scratch" }], ...more }, script);

  it("removes unused images, evicts the pod that uses most of it, says why, and frees the disk; the others continue", async () => {
    const isUnusedThere = await pods.pullUnused("unused");
    const fill = (mib: number) => `dd if=/dev/zero of=/scratch/file bs=1M count=${mib}`;
    await using _asked = await pods.run("asked", {
      containers: [writing(fill(20), { resources: { requests: { "ephemeral-storage": "22Mi" } } })],
      volumes,
    });
    await pods.ready("asked");
    assert.ok(await isUnusedThere());
    const talking = "i=0; while [ $i -lt 20000 ]; do echo a line of the log; i=$((i+1)); done";
    await using greedy = await pods.run("greedy", {
      containers: [writing(`${talking}; ${fill(10)}`)],
      volumes,
    });
    await eventually("it is evicted", async () => pods.pod("greedy").status?.pod?.phase === "Failed", {
      limitMs: 40_000,
    });
    assert.ok(!(await isUnusedThere()));
    const { reason, message, conditions } = pods.status("greedy");
    assert.equal(reason, "Evicted");
    const words =
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. /;
    assert.match(message ?? "", words);
    // Besides its volumes, it has written its log.
    const [, amount = "0"] = /Container main was using (\S+), request is 0, /.exec(message ?? "") ?? [];
    assert.ok((quantityValue(amount) ?? 0) > 2 ** 20, message ?? "");
    const disruption = conditions.find(({ type }) => type === "DisruptionTarget");
    assert.deepEqual([disruption?.status, disruption?.reason], ["True", "TerminationByKubelet"]);
    await eventually(
      "its volumes are gone",
      async () => !(await readdir(join(pods.dataDir, "pods", greedy.uid))).includes("volumes"),
    );
    assert.equal(pods.status("asked").phase, "Running");
    await using _late = await pods.run("late", { containers: [pods.container()] });
    await eventually("another one waits", async () =>
      (pods.pod("late").status?.pod?.conditions[0]?.message ?? "").includes("untolerated taint"),
    );
    assert.ok(pods.events.some((event) => event.startsWith("Evicted: The node was low on resource")));
  });
});

describe("a machine whose disk has no free inodes", () => {
  const limits = { eviction: { "nodefs.inodesFree": "10%" }, imagesHighPercent: 100, imagesLowPercent: 100 };
  const pods = new TestPods({ limits, disk: { bytes: 64 * 2 ** 20, inodes: 2000 } });
  const volumes = [{ name: "scratch", emptyDir: {} }];
  const writing = (script: string) =>
    pods.container({ volumeMounts: [{ name: "scratch", mountPath: "/scratch" }] }, script);

  it("evicts the pod that has most files, however small they are", async () => {
    const large = "dd if=/dev/zero of=/scratch/file bs=1M count=20";
    await using _large = await pods.run("large", { containers: [writing(large)], volumes });
    await pods.ready("large");
    const many = "i=0; while [ $i -lt 1900 ]; do : > /scratch/$i; i=$((i+1)); done";
    await using _many = await pods.run("many", { containers: [writing(many)], volumes });
    await eventually("it is evicted", async () => pods.pod("many").status?.pod?.phase === "Failed", {
      limitMs: 40_000,
    });
    assert.match(pods.status("many").message ?? "", /^The node was low on resource: inodes\. /);
    assert.equal(pods.status("large").phase, "Running");
  });
});

describe("a machine that runs out of memory", () => {
  const clock = new TurnedClock();
  const limits = { eviction: { "memory.available": "100Mi" }, imagesHighPercent: 100, imagesLowPercent: 100 };
  // The next check, whenever it happens, finds enough memory: otherwise, it would evict another pod.
  const onEvent = (reason: string) => reason === "Evicted" && writeFileSync(memory, ample);
  const pods = new TestPods({ limits, clock, onEvent });
  const run = promisify(execFile);
  const memory = join(tmpdir(), `berth-test-meminfo-${process.pid}`);
  let ample = "";
  // The kernel's file about memory, replaced as lxcfs does it for containers.
  before(async () => {
    ample = await readFile("/proc/meminfo", "utf8");
    await writeFile(memory, ample);
    await run("mount", ["--bind", memory, "/proc/meminfo"]);
  });
  after(async () => {
    await run("umount", ["/proc/meminfo"]);
    await rm(memory);
  });
  const scarce = () =>
    ample.replace(/^(MemFree|Inactive\(file\)):.*$/gm, (_, name) => `${name}: ${20 * 1024} kB`);

  it("evicts the pod that exceeds its requests most, says why, and accepts no pod without requests", async () => {
    const resources = { requests: { memory: "64Mi" } };
    await using _asked = await pods.run("asked", { containers: [pods.container({ resources })] });
    await using _small = await pods.run("small", { containers: [pods.container()] });
    const holding = "x=$(dd if=/dev/zero bs=1M count=24 | tr '\\0' x)";
    await using _greedy = await pods.run("greedy", { containers: [pods.container({}, holding)] });
    for (const name of ["asked", "small", "greedy"]) await pods.ready(name);
    await eventually("it has taken it", async () => (await pods.memoryBytes("greedy")) > 20 * 2 ** 20);
    await writeFile(memory, scarce());
    clock.turn(10_000);
    await eventually("it is evicted", async () => pods.status("greedy").phase === "Failed");
    const { reason, message } = pods.status("greedy");
    assert.equal(reason, "Evicted");
    assert.match(
      message ?? "",
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: 40Mi\. Container main was using \S+, request is 0, has larger consumption of memory\. $/,
    );
    await using _late = await pods.run("late", { containers: [pods.container()] });
    await using _asking = await pods.run("asking", { containers: [pods.container({ resources })] });
    await pods.ready("asking");
    await eventually("another one waits", async () =>
      (pods.pod("late").status?.pod?.conditions[0]?.message ?? "").includes("untolerated taint"),
    );
    clock.turn(300_000);
    await pods.ready("late");
    for (const name of ["asked", "small"]) assert.equal(pods.status(name).phase, "Running");
  });
});

describe("a machine whose disk for images is used beyond the limit", () => {
  const clock = new TurnedClock();
  const limits = { eviction: {}, imagesHighPercent: 1, imagesLowPercent: 0 };
  const pods = new TestPods({ limits, clock });

  it("removes images that nobody uses, and none that a pod uses", async () => {
    await using _ = await pods.run("using", { containers: [pods.container()] });
    await pods.ready("using");
    const isThere = await pods.pullUnused("idle");
    assert.ok(await isThere());
    // The image is seen at the first check after five minutes, and is old at the second.
    const later = async () => {
      clock.turn(300_000);
      return !(await isThere());
    };
    await eventually("it is gone", later, { everyMs: 200 });
    await using _again = await pods.run("again", {
      containers: [pods.container({ imagePullPolicy: "Never" })],
    });
    await pods.ready("again");
  });
});
