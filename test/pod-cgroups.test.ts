/** The cgroups of pods that the manager runs, and their containers' limits, as from a kubelet. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exists } from "../src/ground/fs/index.ts";
import { cgroupLayout, cpuWeightOf } from "../src/ground/linux/index.ts";
import { TestPods } from "./support/with-pods.ts";

describe("a pod's cgroup", () => {
  const pods = new TestPods();

  /** Files of a cgroup of cpu or memory, by their names in version 1. */
  const figures = async (path: string) => {
    const layout = await cgroupLayout();
    if (layout === undefined) throw new Error("this machine has no cgroups");
    const v2 = layout.kind === "v2" ? layout.v2.mountPoint : undefined;
    const read = async (controller: string, v1Name: string, v2Name: string) => {
      const root = v2 ?? (layout.kind === "v2" ? "" : (layout.v1.get(controller) ?? ""));
      return (await readFile(join(root, path, v2 === undefined ? v1Name : v2Name), "utf8")).trim();
    };
    const unlimited = (text: string) => (text === "max" || Number(text) > 2 ** 60 ? "none" : text);
    return {
      weight: Number(await read("cpu", "cpu.shares", "cpu.weight")),
      quota: (await read("cpu", "cpu.cfs_quota_us", "cpu.max")).split(" ")[0]?.replace("-1", "max"),
      memory: unlimited(await read("memory", "memory.limit_in_bytes", "memory.max")),
      weightOf: (shares: number) => (v2 === undefined ? shares : cpuWeightOf(shares)),
    };
  };
  const isThere = async (path: string) => {
    const layout = await cgroupLayout();
    const root = layout?.kind === "v2" ? layout.v2.mountPoint : layout?.v1.get("memory");
    return await exists(join(root ?? "", path));
  };

  /** Without CAP_SYS_RESOURCE, no process can get a lower score than ours. */
  const lowestScore = async () => {
    const capSysResource = 1n << 24n;
    const effective = /CapEff:\s*([0-9a-f]+)/.exec(await readFile("/proc/self/status", "utf8"))?.[1];
    if ((BigInt(`0x${effective}`) & capSysResource) !== 0n) return -1000;
    return Number(await readFile("/proc/self/oom_score_adj", "utf8"));
  };

  it("has the combined limits of its containers, is in its class's cgroup, and is removed with the pod", async () => {
    const resources = { limits: { cpu: "500m", memory: "64Mi" } };
    let path = "";
    {
      await using guaranteed = await pods.run("guaranteed", {
        containers: [pods.container({ resources }), pods.container({ resources, name: "other" })],
      });
      await pods.ready("guaranteed");
      assert.equal(pods.status("guaranteed").qosClass, "Guaranteed");
      path = `/berth/pod${guaranteed.uid}`;
      const { weight, quota, memory, weightOf } = await figures(path);
      assert.deepEqual([weight, quota, memory], [weightOf(1024), "100000", String(128 * 2 ** 20)]);
      const own = await figures(join(path, pods.containerId("guaranteed")));
      assert.deepEqual([own.quota, own.memory], ["50000", String(64 * 2 ** 20)]);
      const score = Number(await pods.exec("guaranteed", "cat", "/proc/1/oom_score_adj"));
      assert.equal(score, Math.max(-997, await lowestScore()));
    }
    assert.equal(await isThere(path), false);
  });

  it("shares the weight of the class burstable, or has the lowest weight in besteffort", async () => {
    const classes = async () => [await isThere("/berth/burstable"), await isThere("/berth/besteffort")];
    // Another manager on this machine may have pods in them.
    const before = await classes();
    {
      await using burstable = await pods.run("burstable", {
        containers: [pods.container({ resources: { requests: { cpu: "250m", memory: "16Mi" } } })],
      });
      await using cheap = await pods.run("cheap", { containers: [pods.container()] });
      await pods.ready("burstable");
      await pods.ready("cheap");
      assert.deepEqual(
        [pods.status("burstable").qosClass, pods.status("cheap").qosClass],
        ["Burstable", "BestEffort"],
      );
      const own = await figures(`/berth/burstable/pod${burstable.uid}`);
      const { weightOf } = own;
      assert.deepEqual([own.weight, own.quota, own.memory], [weightOf(256), "max", "none"]);
      assert.equal((await figures("/berth/burstable")).weight, weightOf(256));
      assert.equal((await figures("/berth/besteffort")).weight, weightOf(2));
      assert.equal((await figures(`/berth/besteffort/pod${cheap.uid}`)).weight, weightOf(2));
      assert.ok(await isThere(`/berth/besteffort/pod${cheap.uid}/${pods.containerId("cheap")}`));
      assert.equal(await pods.exec("cheap", "cat", "/proc/1/oom_score_adj"), "1000");
      const score = Number(await pods.exec("burstable", "cat", "/proc/1/oom_score_adj"));
      assert.ok(score > 900 && score < 1000, `${score}`);
    }
    assert.deepEqual(await classes(), before);
  });
});
