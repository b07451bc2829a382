import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { mountsBelow, unmountBelow } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { memoryMount } from "./memory-mount.ts";
import { mountSubPath } from "./sub-path.ts";
import { treeBytes } from "./volume-usage.ts";

const mib = 2 ** 20;

test("mounts in a pod's directory do not count as its disk usage, and are found even through a link", async () => {
  await using dir = await tempDir();
  const [pod, claim] = [join(dir.path, "pod"), join(dir.path, "claim")];
  for (const path of [join(pod, "scratch"), join(claim, "part")]) {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "file"), Buffer.alloc(mib));
  }
  await using _ = { [Symbol.asyncDispose]: () => unmountBelow(pod) };
  await memoryMount(join(pod, "fast"), { mode: 0o700 });
  await writeFile(join(pod, "fast", "file"), Buffer.alloc(mib));
  await mountSubPath(claim, "part", join(pod, "subpaths", "part"));
  await mountSubPath(claim, "part/file", join(pod, "subpaths", "file"));
  const link = join(dir.path, "link");
  await symlink(pod, link);
  for (const path of [pod, link]) {
    const bytes = await treeBytes(path);
    assert.ok(bytes >= mib && bytes < 2 * mib, `${bytes} bytes`);
  }
  await unmountBelow(link);
  assert.deepEqual(await mountsBelow(pod), []);
});
