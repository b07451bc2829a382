import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { bindMount, mountInfo, unmountBelow } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { TreeRemover } from "../../ground/trees/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ActivationStore } from "./index.ts";

test("an activation that was cut while it mapped the owners of layers is taken away, and the layers stay", async () => {
  await using dir = await tempDir();
  const [directory, layers, layer] = ["mounts", "layers", "layer"].map((name) => join(dir.path, name));
  assert.ok(directory && layers && layer);
  await mkdir(join(layers, "1"), { recursive: true });
  await mkdir(layer);
  await writeFile(join(layer, "file"), "kept");
  await bindMount(layer, join(layers, "1"));
  // As a daemon leaves it that is killed there, with a layer that is a mount itself.
  const cut = join(directory, "0a1b");
  await mkdir(join(cut, "0"), { recursive: true });
  await mkdir(join(cut, "0.layers"));
  await bindMount(layers, join(cut, "0.layers"));
  await bindMount(join(layers, "1"), join(cut, "0.layers", "1"));
  await using trees = new TreeRemover();
  const logger = createLogger({ level: "fatal", format: "json" });
  try {
    await ActivationStore.open({ directory, roots: [], hostPaths: new HostPaths(), trees, logger });
    assert.deepEqual(await readdir(directory), []);
    const left = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(directory));
    assert.deepEqual(left, []);
    assert.deepEqual(await readdir(join(layers, "1")), ["file"]);
  } finally {
    await unmountBelow(dir.path);
  }
});
