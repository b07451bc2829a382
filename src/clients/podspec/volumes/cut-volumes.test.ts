/** Volumes that a manager was creating when it was killed. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { mountInfo } from "../../../ground/linux/index.ts";
import { podOf } from "../testing/pods.ts";

const mounted = (volume: object) => ({
  containers: [{ name: "main", image: "busybox", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
  volumes: [{ name: "v", ...volume }],
});

describe("a volume that a killed manager was creating", () => {
  it("is a complete emptyDir at its path, or does not exist", async () => {
    await using pod = await podOf({ ...mounted({ emptyDir: {} }), securityContext: { fsGroup: 1000 } });
    const above = join(pod.volumesDir, "kubernetes.io~empty-dir");
    await mkdir(join(above, "v.making"), { recursive: true, mode: 0o700 });
    await pod.container();
    const { mode, gid } = await stat(join(above, "v"));
    assert.deepEqual([mode & 0o7777, gid, await readdir(above)], [0o2777, 1000, ["v"]]);
  });

  it("is an emptyDir in memory with the mode and group with which it is mounted", async () => {
    const inMemory = mounted({ emptyDir: { medium: "Memory", mode: 0o700 } });
    await using pod = await podOf({ ...inMemory, securityContext: { fsGroup: 1000 } });
    await pod.container();
    const { mode, gid } = await stat(join(pod.volumesDir, "kubernetes.io~empty-dir", "v"));
    assert.deepEqual([mode & 0o7777, gid], [0o2770, 1000]);
  });

  it("is an emptyDir of huge pages with the mode and group with which it is mounted", async () => {
    const inPages = mounted({ emptyDir: { medium: "HugePages" } });
    const resources = { requests: { "hugepages-2Mi": "4Mi", cpu: "1m" }, limits: { "hugepages-2Mi": "4Mi" } };
    await using pod = await podOf({ ...inPages, resources, securityContext: { fsGroup: 1000 } });
    await pod.container();
    await pod.container();
    const directory = join(pod.volumesDir, "kubernetes.io~empty-dir", "v");
    const { mode, gid } = await stat(directory);
    assert.deepEqual([mode & 0o7777, gid], [0o2775, 1000]);
    const mounts = (await mountInfo()).filter(({ mountPoint }) => mountPoint === directory);
    assert.deepEqual(
      mounts.map(({ type }) => type),
      ["hugetlbfs"],
    );
    assert.equal((await statfs(directory)).bsize, 2 ** 21);
  });

  it("is no emptyDir of huge pages of a size that the pod does not request, or of one of several", async () => {
    const asks = async (medium: string, requests: object) => {
      const resources = { requests: { ...requests, cpu: "1m" }, limits: requests };
      await using pod = await podOf({ ...mounted({ emptyDir: { medium } }), resources });
      await pod.container();
    };
    await assert.rejects(asks("HugePages", {}), /no container requests hugepages-2Mi or the like/);
    const pages = { "hugepages-2Mi": "2Mi", "hugepages-1Gi": "1Gi" };
    await assert.rejects(asks("HugePages", pages), /the pod requests several page sizes; name one/);
    await assert.rejects(asks("HugePages-1Gi", { "hugepages-2Mi": "2Mi" }), /requests hugepages-1Gi/);
  });

  it("shows all files of a config map, including those whose links were missing", async () => {
    const settings = { kind: "ConfigMap", metadata: { name: "settings" }, data: { first: "1", second: "2" } };
    await using pod = await podOf(mounted({ configMap: { name: "settings" } }), [settings]);
    await pod.container();
    const directory = join(pod.volumesDir, "kubernetes.io~configmap", "v");
    await rm(join(directory, "second"));
    await pod.container();
    assert.equal(await readFile(join(directory, "second"), "utf8"), "2");
  });
});
