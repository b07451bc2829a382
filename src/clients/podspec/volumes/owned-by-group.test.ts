import assert from "node:assert/strict";
import { chmod, chown, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { podOf } from "../testing/pods.ts";

const owners = async (path: string) => {
  const { uid, gid, mode } = await stat(path);
  return [uid, gid, (mode & 0o7777).toString(8)];
};

const spec = (fsGroupChangePolicy: string) => ({
  securityContext: { fsGroup: 2000, fsGroupChangePolicy },
  containers: [{ name: "main", image: "busybox", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
  volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
});

describe("a claim of a pod with an fsGroup", () => {
  it("belongs to the pod's group with all its contents, and no link is followed", async () => {
    await using pod = await podOf(spec("Always"));
    const outside = join(pod.dir, "outside");
    await writeFile(outside, "", { mode: 0o600 });
    await mkdir(join(pod.claim, "below"), { mode: 0o700 });
    await writeFile(join(pod.claim, "below", "file"), "", { mode: 0o400 });
    await chown(join(pod.claim, "below", "file"), 7, 7);
    await symlink(outside, join(pod.claim, "link"));
    await symlink(pod.dir, join(pod.claim, "up"));
    await pod.container();
    assert.deepEqual(await owners(join(pod.claim, "below")), [0, 2000, "2770"]);
    assert.deepEqual(await owners(join(pod.claim, "below", "file")), [7, 2000, "660"]);
    assert.deepEqual((await owners(pod.claim)).slice(0, 2), [0, 2000]);
    assert.deepEqual(await owners(outside), [0, 0, "600"]);
    // The next container of the pod, or its next attempt, changes nothing.
    await chown(join(pod.claim, "below", "file"), 7, 7);
    await pod.container();
    assert.deepEqual((await owners(join(pod.claim, "below", "file"))).slice(0, 2), [7, 7]);
  });

  it("whose directory already belongs to the group is not changed with OnRootMismatch", async () => {
    await using pod = await podOf(spec("OnRootMismatch"));
    await writeFile(join(pod.claim, "file"), "", { mode: 0o600 });
    await chown(pod.claim, 0, 2000);
    await chmod(pod.claim, 0o2777);
    await pod.container();
    assert.deepEqual(await owners(join(pod.claim, "file")), [0, 0, "600"]);
  });
});
