import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import { mounted } from "./mounted.ts";
import type { SnapshotterSubject } from "./snapshotter-suite.ts";

const run = promisify(execFile);

/** The additional contract of a snapshotter with `capabilities.rebase`. */
export function rebaseTests(name: string, open: SnapshotterSubject["open"]): void {
  describe(`${name} rebase`, () => {
    test("gives layers that were prepared on nothing their parents at commit", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      for (const name of ["one", "two", "three"]) {
        await mounted(await snapshotter.prepare(name, undefined), (tree) =>
          writeFile(join(tree, name), name),
        );
      }
      await snapshotter.commit("1", "one");
      await snapshotter.commit("2", "two", { parent: "1" });
      await snapshotter.commit("3", "three", { parent: "2", synced: true });
      assert.equal(snapshotter.stat("3")?.parent, "2");
      const names = await mounted(await snapshotter.view("v", "3"), (tree) => readdir(tree));
      assert.deepEqual(names, ["one", "three", "two"]);
    });

    test("lets undescribed directories take what the parents show there", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      await mounted(await snapshotter.prepare("a", undefined), async (tree) => {
        await run(
          "sh",
          [
            "-ec",
            "mkdir -p seen/deep gone/deep file; chown 7:8 seen seen/deep; chmod 1770 seen/deep; touch -d @5.25 seen/deep; chmod 700 gone/deep gone file",
          ],
          { cwd: tree },
        );
      });
      await snapshotter.commit("1", "a");
      await mounted(await snapshotter.prepare("b", "1"), async (tree) => {
        await run("sh", ["-ec", "rm -r gone file; mkdir gone; touch file"], { cwd: tree });
      });
      await snapshotter.commit("2", "b");
      await mounted(await snapshotter.prepare("c", undefined), async (tree) => {
        await run("mkdir", ["-p", "-m", "755", "seen/deep/x", "gone/deep", "file", "new"], { cwd: tree });
      });
      const inherit = ["seen", "seen/deep", "gone", "gone/deep", "file", "new"];
      await snapshotter.commit("3", "c", { parent: "2", inherit });
      const listing = await mounted(await snapshotter.view("v", "3"), async (tree) => {
        const { stdout } = await run("find", [".", "-mindepth", "1", "-printf", "%P %m %U:%G\n"], {
          cwd: tree,
        });
        const time = (await stat(join(tree, "seen/deep"), { bigint: true })).mtimeNs;
        return { lines: stdout.split("\n").sort(), time };
      });
      assert.deepEqual(listing.lines, [
        "",
        "file 755 0:0",
        "gone 755 0:0",
        "gone/deep 755 0:0",
        "new 755 0:0",
        "seen 755 7:8",
        "seen/deep 1770 7:8",
        "seen/deep/x 755 0:0",
      ]);
      assert.equal(listing.time, 5_250_000_000n);
    });

    test("makes an image of many layers, which is mounted", async () => {
      await using root = await tempDir();
      await using session = await open(root.path);
      const { snapshotter } = session;
      const layers = Array.from({ length: 127 }, (_, index) => `layer-${index}`);
      await Promise.all(layers.map((layer) => snapshotter.prepare(`extract-${layer}`, undefined)));
      let parent: string | undefined;
      for (const layer of layers) {
        await mounted(snapshotter.mounts(`extract-${layer}`), (tree) => writeFile(join(tree, layer), ""));
        await snapshotter.commit(layer, `extract-${layer}`, {
          synced: true,
          ...(parent === undefined ? {} : { parent }),
        });
        parent = layer;
      }
      const names = await mounted(await snapshotter.prepare("c", parent), (tree) => readdir(tree));
      assert.equal(names.length, 127);
    });
  });
}
