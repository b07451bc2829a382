import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { applyBytes, listTree, newTarget } from "./testing/apply.ts";
import { tarOf } from "./testing/tar-bytes.ts";

describe("a tar that is no layer", () => {
  test("adds what the directory has not, and leaves what is there", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "target"), "none");
    const at = (name: string) => join(target.directory, name);
    await mkdir(at("both"), { mode: 0o700 });
    await writeFile(at("both/old"), "old", { mode: 0o600 });
    await symlink("nowhere", at("link"));
    await applyBytes(
      tarOf(
        { name: "./", type: "5", mode: 0o1777 },
        { name: "both", type: "5", mode: 0o777, uid: 5 },
        { name: "both/old", data: "new", mode: 0o666 },
        { name: "both/new", data: "new", mode: 0o4640, uid: 7 },
        { name: "link", data: "new" },
        { name: "hard", type: "1", link: "both/old", mode: 0o666, uid: 5 },
      ),
      target,
    );
    assert.equal(await readFile(at("both/old"), "utf8"), "old");
    assert.equal(await readFile(at("both/new"), "utf8"), "new");
    const lines = (await listTree(target.directory)).map((line) => line.split(" ").slice(0, 4).join(" "));
    assert.deepEqual(lines, [
      "both d 700 0:0",
      "both/new f 4640 7:0",
      "both/old f 600 0:0",
      "hard f 600 0:0",
      "link l 777 0:0",
    ]);
  });

  test("takes nothing away by the names of whiteouts", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "target"), "none");
    await writeFile(join(target.directory, "kept"), "kept");
    await applyBytes(tarOf({ name: ".wh.kept" }, { name: ".wh..wh..opq", data: "x" }), target);
    const names = (await listTree(target.directory)).map((line) => line.split(" ")[0]);
    assert.deepEqual(names, [".wh..wh..opq", ".wh.kept", "kept"]);
  });
});
