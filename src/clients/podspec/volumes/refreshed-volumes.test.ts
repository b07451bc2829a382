import assert from "node:assert/strict";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { podOf } from "../testing/pods.ts";

const configMap = (name: string, value: string) => ({
  kind: "ConfigMap",
  metadata: { name },
  data: { key: value },
});

/** A pod that mounts the config maps `one` and `two`. */
async function running() {
  const names = ["one", "two"];
  const volumeMounts = names.map((name) => ({ name, mountPath: `/${name}` }));
  const pod = await podOf(
    {
      containers: [{ name: "main", image: "busybox", volumeMounts }],
      volumes: names.map((name) => ({ name, configMap: { name } })),
    },
    names.map((name) => configMap(name, "old")),
  );
  await pod.container();
  const directory = (name: string) => join(pod.volumesDir, "kubernetes.io~configmap", name);
  const read = (name: string) => readFile(join(directory(name), "key"), "utf8");
  return { ...pod, directory, read };
}

describe("the volumes of a running pod", () => {
  it("follow their config maps, also if one of them is deleted", async () => {
    await using pod = await running();
    const failures = await pod.refresh([configMap("two", "new")]);
    assert.deepEqual(
      failures.map(({ code, message }) => [code, message]),
      [["NotFound", 'MountVolume.SetUp failed for volume "one" : ConfigMap shop/one not found']],
    );
    assert.deepEqual([await pod.read("one"), await pod.read("two")], ["old", "new"]);
  });

  it("follow the others if one cannot be written, and that one when it can", async () => {
    await using pod = await running();
    const obstacle = join(pod.directory("one"), "..data-next");
    await mkdir(join(obstacle, "full"), { recursive: true });
    const changed = [configMap("one", "new"), configMap("two", "new")];
    const [failure, ...others] = await pod.refresh(changed);
    assert.match(failure?.message ?? "", /^MountVolume\.SetUp failed for volume "one" : .*\.\.data-next/);
    assert.deepEqual([others, await pod.read("one"), await pod.read("two")], [[], "old", "new"]);
    await rm(obstacle, { recursive: true });
    assert.deepEqual(await pod.refresh(changed), []);
    assert.equal(await pod.read("one"), "new");
  });
});
