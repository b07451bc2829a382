/** What becomes of the manager's pods when the machine has too little of something. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually } from "./support/condition.ts";
import { TestPods } from "./support/with-pods.ts";

describe("a machine whose disk fills up", () => {
  const limits = { eviction: { "nodefs.available": "10%" }, imagesHighPercent: 100, imagesLowPercent: 100 };
  const pods = new TestPods({ limits, diskBytes: 32 * 2 ** 20 });
  const volumes = [{ name: "scratch", emptyDir: {} }];
  const writing = (script: string, more: object = {}) =>
    pods.container({ volumeMounts: [{ name: "scratch", mountPath: "/scratch" }], ...more }, script);

  it("removes unused images, evicts the pod that takes most of it, says why, and gives the disk back; the others go on", async () => {
    const isUnusedThere = await pods.pullUnused("unused");
    const fill = (mib: number) => `dd if=/dev/zero of=/scratch/file bs=1M count=${mib}`;
    await using _asked = await pods.run("asked", {
      containers: [writing(fill(20), { resources: { requests: { "ephemeral-storage": "22Mi" } } })],
      volumes,
    });
    await pods.ready("asked");
    assert.ok(await isUnusedThere());
    await using greedy = await pods.run("greedy", { containers: [writing(fill(10))], volumes });
    await eventually("it is evicted", async () => pods.pod("greedy").status?.pod?.phase === "Failed", {
      limitMs: 40_000,
    });
    assert.ok(!(await isUnusedThere()));
    const { reason, message, conditions } = pods.status("greedy");
    assert.equal(reason, "Evicted");
    const words =
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. /;
    assert.match(message ?? "", words);
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
