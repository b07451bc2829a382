/** Volumes that a manager was creating when it was killed. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
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

  it("shows all files of a config map, including those whose links were missing", async () => {
    const settings = { kind: "ConfigMap", metadata: { name: "settings" }, data: { first: "1", second: "2" } };
    await using pod = await podOf(mounted({ configMap: { name: "settings" } }), [settings]);
    await pod.container();
    const directory = join(pod.volumesDir, "kubernetes.io~configmap", "v");
    await rm(join(directory, "second"));
    await pod.container();
    assert.equal(await readFile(join(directory, "second"), "utf8"), "2");
    await rm(join(directory, "second"));
    await pod.refresh([]);
    await pod.container();
    assert.equal(await readFile(join(directory, "second"), "utf8"), "2", "its config map was deleted");
  });
});
