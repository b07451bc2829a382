import assert from "node:assert/strict";
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { mountInfo } from "../../../ground/linux/index.ts";
import { machineMemory } from "../cgroups/machine-memory.ts";
import { podOf } from "../testing/pods.ts";

const mounted = (medium: string) => ({
  containers: [{ name: "main", image: "busybox", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
  volumes: [{ name: "v", emptyDir: { medium } }],
});

/** The smallest that the kernel has; undefined if it has none. */
const pageBytes = (await machineMemory()).hugePageSizes.toSorted((a, b) => a - b).at(0);

describe("an emptyDir of huge pages", () => {
  it("has the mode and group with which it is mounted", {
    skip: pageBytes === undefined && "the kernel has no huge pages",
  }, async () => {
    assert.ok(pageBytes);
    const size = `${pageBytes / 2 ** 10}Ki`;
    const pages = { [`hugepages-${size}`]: size };
    const resources = { requests: { ...pages, cpu: "1m" }, limits: pages };
    await using pod = await podOf({
      ...mounted("HugePages"),
      resources,
      securityContext: { fsGroup: 1000 },
    });
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
    assert.equal((await statfs(directory)).bsize, pageBytes);
  });

  it("is rejected if the pod does not request its size of pages, or requests several and it names none", async () => {
    const asks = async (medium: string, requests: object) => {
      const resources = { requests: { ...requests, cpu: "1m" }, limits: requests };
      await using pod = await podOf({ ...mounted(medium), resources });
      await pod.container();
    };
    await assert.rejects(asks("HugePages", {}), /no container requests hugepages-2Mi or the like/);
    const pages = { "hugepages-2Mi": "2Mi", "hugepages-1Gi": "1Gi" };
    await assert.rejects(asks("HugePages", pages), /the pod requests several page sizes; name one/);
    await assert.rejects(asks("HugePages-1Gi", { "hugepages-2Mi": "2Mi" }), /requests hugepages-1Gi/);
  });
});
