import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { unmountBelow } from "../../../ground/linux/index.ts";
import { digestOf } from "../../../parts/oci/index.ts";
import { type AppliedLayer, applyLayer } from "../../../parts/unpack/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { Snapshotter } from "../index.ts";
import { mounted } from "./mounted.ts";
import type { SnapshotterSubject } from "./snapshotter-suite.ts";

const run = promisify(execFile);

/** The archive of what `script` creates in an empty directory. */
async function archiveOf(script: string): Promise<Buffer> {
  await using root = await tempDir();
  await run("sh", ["-ec", `mkdir tree; cd tree; ${script}`], { cwd: root.path });
  const archive = join(root.path, "layer.tar");
  await run("tar", ["--format=pax", "--sort=name", "-C", join(root.path, "tree"), "-cf", archive, "."]);
  return await readFile(archive);
}

/** Creates the snapshot `name` of a layer as for an image: without a parent, if the snapshotter can. */
async function install(
  snapshotter: Snapshotter,
  name: string,
  archive: Buffer,
  parent?: string,
): Promise<AppliedLayer> {
  const { rebase } = snapshotter.capabilities;
  const key = `extract ${name}`;
  await snapshotter.prepare(key, rebase ? undefined : parent);
  const expected = { digest: digestOf(archive), size: archive.length };
  const target = snapshotter.layerTarget(key);
  const applied = await applyLayer(onePiece(archive), { target, expected });
  const inherit = applied.undescribedDirectories;
  await snapshotter.commit(name, key, rebase && parent !== undefined ? { parent, inherit } : {});
  return applied;
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The contract for layers that are unpacked into a snapshotter's `layerTarget`. */
export function layerSuite({ name, open, copiesParents }: SnapshotterSubject): void {
  describe(`${name} layers`, () => {
    test("are seen on top of each other, and can be changed in a container", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await install(snapshotter, "1", await archiveOf("mkdir d; echo 1 > d/one; echo 1 > gone; chown 7:8 d"));
      await install(snapshotter, "2", await archiveOf("mkdir d; echo 2 > d/two; touch .wh.gone"), "1");
      const names = await mounted(await snapshotter.view("v", "2"), (tree) =>
        readdir(tree, { recursive: true }),
      );
      assert.deepEqual(names.sort(), ["d", "d/one", "d/two"]);
      await mounted(await snapshotter.prepare("c", "2"), async (tree) => {
        await writeFile(join(tree, "d/one"), "changed");
        await rm(join(tree, "d/two"));
      });
      const changed = await mounted(snapshotter.mounts("c"), async (tree) => [
        await readdir(join(tree, "d")),
        await readFile(join(tree, "d/one"), "utf8"),
      ]);
      assert.deepEqual(changed, [["one"], "changed"]);
      const kept = await mounted(await snapshotter.view("w", "2"), (tree) => readdir(join(tree, "d")));
      assert.deepEqual(kept, ["one", "two"]);
    });

    test("take owner, mode and times of directories that they do not describe from those below", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      const base = await archiveOf("mkdir -p a/b; chown 7:8 a; chmod 1770 a; touch -d @5.25 a");
      await install(snapshotter, "1", base);
      const layer = await archiveOf("mkdir -p a/b; echo new > a/b/new");
      await install(snapshotter, "2", await without(layer, "./a", "./a/b"), "1");
      const { mode, uid, gid, mtimeNs } = await mounted(await snapshotter.view("v", "2"), (tree) =>
        stat(join(tree, "a"), { bigint: true }),
      );
      assert.deepEqual([mode & 0o7777n, uid, gid, mtimeNs], [0o1770n, 7n, 8n, 5_250_000_000n]);
      const text = await mounted(snapshotter.mounts("v"), (tree) => readFile(join(tree, "a/b/new"), "utf8"));
      assert.equal(text, "new\n");
    });

    test("are mounted as before after the machine was restarted", async () => {
      await using root = await tempDir();
      {
        await using session = await open(root.path);
        await install(session.snapshotter, "1", await archiveOf("echo one > one"));
        await install(session.snapshotter, "2", await archiveOf("echo two > two"), "1");
        await session.snapshotter.prepare("c", "2");
      }
      await unmountBelow(root.path);
      await using session = await open(root.path);
      const names = await mounted(session.snapshotter.mounts("c"), (tree) => readdir(tree));
      assert.deepEqual(names, ["one", "two"]);
    });

    test("take disk space until they are removed, and none in what lies on top of them", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      const before = await readdir(snapshotter.root);
      await install(snapshotter, "1", await archiveOf("head -c 300000 /dev/urandom > noise"));
      const { sizeBytes, inodes } = await snapshotter.usage("1");
      assert.ok(sizeBytes > 300_000 && sizeBytes < 400_000, `${sizeBytes} bytes`);
      assert.ok(inodes >= 2, `${inodes} inodes`);
      await snapshotter.view("v", "1");
      await snapshotter.remove("v");
      await snapshotter.remove("1");
      await snapshotter.cleanup();
      assert.deepEqual(await readdir(snapshotter.root), before);
    });

    test("of a container that runs stay as they are when cleaning up, and when nobody needs them", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await install(snapshotter, "1", await archiveOf("echo one > one"));
      await mounted(await snapshotter.prepare("c", "1"), async (tree) => {
        await snapshotter.cleanup();
        assert.equal(await readFile(join(tree, "one"), "utf8"), "one\n");
        if (copiesParents) return;
        await snapshotter.remove("c");
        await snapshotter.cleanup();
        assert.equal(await readFile(join(tree, "one"), "utf8"), "one\n");
      });
      const names = await mounted(await snapshotter.prepare("d", "1"), (tree) => readdir(tree));
      assert.deepEqual(names, ["one"]);
    });
  });
}

/** The archive without the entries of these names. */
async function without(archive: Buffer, ...names: readonly string[]): Promise<Buffer> {
  await using root = await tempDir();
  const path = join(root.path, "layer.tar");
  await writeFile(path, archive);
  await run("tar", ["--delete", "--no-recursion", "-f", path, ...names.map((name) => `${name}/`)]);
  return await readFile(path);
}
