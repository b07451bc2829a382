import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { Snapshotter } from "../index.ts";
import { layerSuite } from "./layer-suite.ts";
import { code, mounted } from "./mounted.ts";
import { rebaseTests } from "./rebase-tests.ts";

const run = promisify(execFile);

/** An implementation of {@link Snapshotter} to test. */
export type SnapshotterSubject = {
  /** Begins the tests' titles. */
  readonly name: string;
  /**
   * Opens the snapshotter whose directories and records lie below `root`, which exists. Disposing closes it
   * as the daemon's shutdown does; opening the same root again simulates the next start.
   */
  readonly open: (root: string) => Promise<AsyncDisposable & { readonly snapshotter: Snapshotter }>;
  /** Its `capabilities.rebase`. */
  readonly rebase: boolean;
  /** Whether a snapshot uses its parents' disk space again. */
  readonly copiesParents: boolean;
};

/** Tests the contract of every snapshotter. Needs root, to mount. */
export function snapshotterSuite(subject: SnapshotterSubject): void {
  const { name, open, rebase, copiesParents } = subject;
  describe(`${name} snapshots`, () => {
    test("are written, committed, and seen with their parents' files by those on top", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await mounted(await snapshotter.prepare("a", undefined), (tree) => writeFile(join(tree, "one"), "1"));
      await snapshotter.commit("layer-a", "a");
      await mounted(await snapshotter.prepare("b", "layer-a"), async (tree) => {
        await writeFile(join(tree, "two"), "2");
        await rm(join(tree, "one"));
      });
      await snapshotter.commit("layer-b", "b");
      const names = await mounted(await snapshotter.view("v", "layer-b"), (tree) => readdir(tree));
      assert.deepEqual(names, ["two"]);
      const below = await mounted(await snapshotter.view("w", "layer-a"), (tree) => readdir(tree));
      assert.deepEqual(below, ["one"]);
      const mounts = await snapshotter.prepare("container", "layer-b");
      await mounted(mounts, (tree) => writeFile(join(tree, "three"), "3"));
      assert.deepEqual(await mounted(snapshotter.mounts("container"), (tree) => readdir(tree)), [
        "three",
        "two",
      ]);
    });

    test("of nothing can be viewed, and views cannot be written to", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      await mounted(await session.snapshotter.view("v", undefined), async (tree) => {
        assert.deepEqual(await readdir(tree), []);
        await assert.rejects(writeFile(join(tree, "x"), ""), { code: "EROFS" });
      });
    });

    test("are read without a record, and not removed meanwhile", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await mounted(await snapshotter.prepare("a", undefined), (tree) => writeFile(join(tree, "one"), "1"));
      await assert.rejects(snapshotter.read("a"), code("InvalidArgument"));
      await assert.rejects(snapshotter.read("layer"), code("NotFound"));
      await snapshotter.commit("layer", "a");
      {
        using reading = await snapshotter.read("layer");
        assert.deepEqual(
          snapshotter.list().map(({ key }) => key),
          ["layer"],
        );
        await snapshotter.cleanup();
        await assert.rejects(snapshotter.remove("layer"), code("FailedPrecondition"));
        await mounted(reading.mounts, async (tree) => {
          assert.deepEqual(await readdir(tree), ["one"]);
          await assert.rejects(writeFile(join(tree, "x"), ""), { code: "EROFS" });
        });
      }
      await snapshotter.remove("layer");
      using nothing = await snapshotter.read(undefined);
      assert.deepEqual(nothing.mounts, []);
    });

    test("have a root that anyone may enter, below directories that only the owner may", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const mode = await mounted(
        await session.snapshotter.prepare("a", undefined),
        async (tree) => (await stat(tree)).mode,
      );
      assert.equal(mode & 0o7777, 0o755);
      assert.equal((await stat(session.snapshotter.root)).mode & 0o7777, 0o700);
    });

    test("keep their labels and outlive a restart", async () => {
      await using root = await tempDir();
      {
        await using session = await open(root.path);
        await mounted(await session.snapshotter.prepare("a", undefined, { labels: { x: "1" } }), (tree) =>
          writeFile(join(tree, "f"), "x"),
        );
        await session.snapshotter.commit("layer", "a");
        await session.snapshotter.prepare("c", "layer");
        await session.snapshotter.setLabels("c", { x: "1", y: "2" });
        await session.snapshotter.setLabels("c", { x: "", z: "3" });
      }
      await using session = await open(root.path);
      const { snapshotter } = session;
      assert.deepEqual(
        snapshotter.list().map(({ key, kind: state, parent, labels }) => [key, state, parent, labels]),
        [
          ["c", "active", "layer", { y: "2", z: "3" }],
          ["layer", "committed", undefined, { x: "1" }],
        ],
      );
      assert.deepEqual(await mounted(snapshotter.mounts("c"), (tree) => readdir(tree)), ["f"]);
      assert.equal((await snapshotter.usage("layer")).inodes, 2);
    });

    test("refuse keys that exist, parents that are missing or active, and what is not there", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await snapshotter.prepare("a", undefined);
      await assert.rejects(snapshotter.prepare("a", undefined), code("AlreadyExists"));
      await assert.rejects(snapshotter.prepare("b", "none"), code("NotFound"));
      await assert.rejects(snapshotter.prepare("b", "a"), code("InvalidArgument"));
      await assert.rejects(snapshotter.commit("l", "none"), code("NotFound"));
      await snapshotter.commit("l", "a");
      await assert.rejects(snapshotter.commit("m", "l"), code("FailedPrecondition"));
      await snapshotter.prepare("b", undefined);
      await assert.rejects(snapshotter.commit("l", "b"), code("AlreadyExists"));
      await assert.rejects(snapshotter.remove("none"), code("NotFound"));
      await assert.rejects(snapshotter.usage("none"), code("NotFound"));
      assert.throws(() => snapshotter.mounts("none"), code("NotFound"));
    });

    test("are not removed from under others, and leave no files when removed", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      const before = await readdir(snapshotter.root);
      await snapshotter.prepare("a", undefined);
      await snapshotter.commit("layer", "a");
      await snapshotter.prepare("c", "layer");
      await assert.rejects(snapshotter.remove("layer"), code("FailedPrecondition"));
      await snapshotter.remove("c");
      await snapshotter.remove("layer");
      await snapshotter.cleanup();
      assert.deepEqual(await readdir(snapshotter.root), before);
    });

    test("prepared and removed at the same time end in one state or the other", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await snapshotter.prepare("a", undefined);
      await snapshotter.commit("layer", "a");
      const [prepared, removed] = await Promise.allSettled([
        snapshotter.prepare("c", "layer"),
        snapshotter.remove("layer"),
      ]);
      assert.notEqual(prepared.status, removed.status);
      const keys = snapshotter.list().map(({ key }) => key);
      assert.deepEqual(keys, prepared.status === "fulfilled" ? ["c", "layer"] : []);
    });

    test("committed twice under one name at the same time: the second finds it there", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await Promise.all([snapshotter.prepare("a", undefined), snapshotter.prepare("b", undefined)]);
      const [first, second] = await Promise.allSettled([
        snapshotter.commit("layer", "a"),
        snapshotter.commit("layer", "b"),
      ]);
      assert.equal(first.status, "fulfilled");
      assert.ok(second.status === "rejected" && code("AlreadyExists")(second.reason));
    });

    test("say what they take on the disk, with their parents only where these are copied", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      const large = Buffer.alloc(1 << 20, 1);
      await mounted(await snapshotter.prepare("a", undefined), (tree) => writeFile(join(tree, "f"), large));
      await snapshotter.commit("layer", "a");
      await mounted(await snapshotter.prepare("c", "layer"), async (tree) => {
        await writeFile(join(tree, "g"), large);
        await run("ln", [join(tree, "g"), join(tree, "h")]);
      });
      const copies = copiesParents ? 2 : 1;
      const usage = await snapshotter.usage("c");
      assert.equal(usage.inodes, 1 + copies);
      assert.ok(
        usage.sizeBytes >= copies << 20 && usage.sizeBytes < (copies << 20) + (1 << 16),
        `${usage.sizeBytes} bytes`,
      );
    });

    test("that lie on one parent are not given another at their commit", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      for (const name of ["x", "y"]) {
        await snapshotter.prepare(`extract-${name}`, undefined);
        await snapshotter.commit(name, `extract-${name}`);
      }
      await snapshotter.prepare("a", "x");
      await assert.rejects(snapshotter.commit("l", "a", { parent: "y" }), code("FailedPrecondition"));
      await snapshotter.commit("l", "a", { parent: "x" });
    });
  });
  layerSuite(subject);
  if (rebase) rebaseTests(name, open);
}
