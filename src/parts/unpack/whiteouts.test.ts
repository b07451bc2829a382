import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { mountSnapshot, unmount } from "../../ground/linux/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { DirectoryTarget } from "./index.ts";
import { applyBytes, mountedImage, newTarget } from "./testing/apply.ts";
import { type TestEntry, tarOf } from "./testing/tar-bytes.ts";

const run = promisify(execFile);
const directory = (name: string, mode = 0o755): TestEntry => ({ name, type: "5", mode });
const file = (name: string, data = name): TestEntry => ({ name, data });

/** The visible result of `layers`, the bottom one first: names, and files with their contents. */
async function seen(
  how: DirectoryTarget["whiteouts"] | "image",
  layers: readonly (readonly TestEntry[])[],
): Promise<readonly string[]> {
  await using root = await tempDir();
  if (how === "remove") {
    const target = await newTarget(join(root.path, "tree"), "remove");
    for (const entries of layers) await applyBytes(tarOf(...entries), target);
    return await listing(target.directory);
  }
  await using mounts = new AsyncDisposableStack();
  const lower: string[] = [];
  for (const [index, entries] of layers.entries()) {
    const directory = join(root.path, String(index));
    lower.unshift(directory);
    if (how === "image") {
      const target = { form: "image", directory: `${directory}.files` } as const;
      await applyBytes(tarOf(...entries), target);
      mounts.use(await mountedImage(target.directory, directory));
    } else await applyBytes(tarOf(...entries), await newTarget(directory));
  }
  const [empty, merged] = [join(root.path, "empty"), join(root.path, "merged")];
  await mkdir(empty);
  await mkdir(merged);
  await mountSnapshot([{ type: "overlay", upper: undefined, lower: [...lower, empty], options: [] }], merged);
  try {
    return await listing(merged);
  } finally {
    await unmount(merged);
  }
}

async function listing(tree: string): Promise<readonly string[]> {
  const { stdout } = await run("find", [".", "-mindepth", "1", "-printf", "%P %y\n"], { cwd: tree });
  const lines = stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
  return Promise.all(
    lines.map(async (line) => {
      const [name = "", kind] = line.split(" ");
      return kind === "f"
        ? `${name}=${await readFile(join(tree, name), "utf8")}`
        : kind === "d"
          ? `${name}/`
          : line;
    }),
  );
}

const base = [
  directory("d"),
  file("d/a"),
  file("d/b"),
  directory("d/sub"),
  file("d/sub/x"),
  file("f"),
  { name: "l", type: "2", link: "d" },
];

const cases: readonly {
  readonly title: string;
  readonly layer: readonly TestEntry[];
  readonly result: readonly string[];
}[] = [
  {
    title: "a whiteout hides the parent's file",
    layer: [directory("d"), file("d/.wh.a", "")],
    result: ["d/", "d/b=d/b", "d/sub/", "d/sub/x=d/sub/x", "f=f", "l l"],
  },
  {
    title:
      "a whiteout hides the parent's directory with all in it, and one of what is not there does nothing",
    layer: [file(".wh.d", ""), file(".wh.nothing", "")],
    result: ["f=f", "l l"],
  },
  {
    title: "a whiteout of a symbolic link leaves what it points at",
    layer: [file(".wh.l", "")],
    result: ["d/", "d/a=d/a", "d/b=d/b", "d/sub/", "d/sub/x=d/sub/x", "f=f"],
  },
  {
    title: "an opaque directory shows only the layer's own, whatever the order of entries",
    layer: [directory("d"), file("d/new"), file("d/.wh..wh..opq", ""), directory("d/sub"), file("d/sub/y")],
    result: ["d/", "d/new=d/new", "d/sub/", "d/sub/y=d/sub/y", "f=f", "l l"],
  },
  {
    title: "a directory that is whited out and made again in one layer shows only the layer's own",
    layer: [file(".wh.d", ""), directory("d"), file("d/new")],
    result: ["d/", "d/new=d/new", "f=f", "l l"],
  },
  {
    title: "so it does when the whiteout stands last",
    layer: [directory("d"), file("d/new"), file(".wh.d", "")],
    result: ["d/", "d/new=d/new", "f=f", "l l"],
  },
  {
    title: "and when nothing but a file in it makes the directory again",
    layer: [file(".wh.d", ""), file("d/new")],
    result: ["d/", "d/new=d/new", "f=f", "l l"],
  },
  {
    title: "a whiteout does not hide the file of its own layer",
    layer: [file("f", "new"), file(".wh.f", ""), directory("d"), file("d/.wh.a", ""), file("d/a", "new")],
    result: ["d/", "d/a=new", "d/b=d/b", "d/sub/", "d/sub/x=d/sub/x", "f=new", "l l"],
  },
  {
    title: "files, directories and links take each other's places",
    layer: [file("d"), directory("f"), file("f/x"), directory("l"), file("l/y")],
    result: ["d=d", "f/", "f/x=f/x", "l/", "l/y=l/y"],
  },
  {
    title: "a directory in place of a file of its own layer shows nothing of the parent's",
    layer: [file("d"), directory("d"), file("d/new")],
    result: ["d/", "d/new=d/new", "f=f", "l l"],
  },
  {
    title: "a directory is merged with the parent's, and the last of several entries of one name stands",
    layer: [directory("d"), file("d/a", "1"), file("d/a", "2"), directory("d"), file("d/c")],
    result: ["d/", "d/a=2", "d/b=d/b", "d/c=d/c", "d/sub/", "d/sub/x=d/sub/x", "f=f", "l l"],
  },
  {
    title: "whiteouts below what the layer has made a file hide nothing more",
    layer: [file("d"), file("d/.wh.a", ""), file("d/.wh..wh..opq", ""), file("d/sub/.wh.x", "")],
    result: ["d=d", "f=f", "l l"],
  },
  {
    title: "AUFS's own files are left out",
    layer: [file(".wh..wh.aufs"), directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2")],
    result: ["d/", "d/a=d/a", "d/b=d/b", "d/sub/", "d/sub/x=d/sub/x", "f=f", "l l"],
  },
];

for (const how of ["overlayfs", "remove", "image"] as const) {
  describe(`with ${how}`, () => {
    for (const { title, layer, result } of cases) {
      test(title, async () => assert.deepEqual(await seen(how, [base, layer]), [...result].sort()));
    }

    test("with three layers, the third can restore what the second hides", async () => {
      const layers = [
        base,
        [file(".wh.d", ""), file(".wh.f", "")],
        [directory("d"), file("d/z"), file("f", "again")],
      ];
      assert.deepEqual(await seen(how, layers), ["d/", "d/z=d/z", "f=again", "l l"]);
    });
  });
}

test("entries behind a parent's symbolic link are written to its target if the parent's files are present", async () => {
  const result = await seen("remove", [base, [file("l/new"), file("l/.wh.a", "")]]);
  assert.deepEqual(result, ["d/", "d/b=d/b", "d/new=l/new", "d/sub/", "d/sub/x=d/sub/x", "f=f", "l l"]);
});

describe("directories that a layer does not describe", () => {
  test("are created with mode 0755 and reported, unless nothing of the parent's shows there", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"));
    const layer = tarOf(
      file("one/two/file"),
      directory("described"),
      file("later/x"),
      directory("later", 0o700),
      file("opaque/.wh..wh..opq"),
      file("opaque/in/file"),
      file("gone/x"),
      file(".wh.gone"),
    );
    const { undescribedDirectories } = await applyBytes(layer, target);
    assert.deepEqual(undescribedDirectories, ["one", "one/two", "opaque"]);
    const image = await applyBytes(layer, { form: "image", directory: join(root.path, "image") });
    assert.deepEqual(image.undescribedDirectories, undescribedDirectories);
    assert.equal((await stat(join(target.directory, "one/two"))).mode & 0o7777, 0o755);
    assert.equal((await stat(join(target.directory, "later"))).mode & 0o7777, 0o700);
  });

  test("are not reported if something else has replaced them", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"));
    const layer = tarOf(file("file/.wh.x"), file("file"), file("above/in/x"), file("above"), file("kept/x"));
    const { undescribedDirectories } = await applyBytes(layer, target);
    assert.deepEqual(undescribedDirectories, ["kept"]);
    const image = await applyBytes(layer, { form: "image", directory: join(root.path, "image") });
    assert.deepEqual(image.undescribedDirectories, undescribedDirectories);
  });

  test("are not reported for a tree that contains the parent's files", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"), "remove");
    assert.deepEqual((await applyBytes(tarOf(file("one/file")), target)).undescribedDirectories, []);
  });
});

test("the root's own entry changes neither its mode nor its owner", async () => {
  await using root = await tempDir();
  const target = await newTarget(join(root.path, "t"));
  await applyBytes(tarOf({ name: "./", type: "5", mode: 0o700, uid: 5 }, file("./f")), target);
  const { mode, uid } = await stat(target.directory);
  assert.deepEqual([mode & 0o7777, uid], [0o755, 0]);
});

test("directories keep their times when files are written to them later", async () => {
  await using root = await tempDir();
  const target = await newTarget(join(root.path, "t"));
  const early: TestEntry = { ...directory("d"), pax: { mtime: "1000.5" } };
  await applyBytes(tarOf(early, { ...directory("d/e"), mtime: 2000 }, file("d/e/f"), file("d/g")), target);
  const times = await Promise.all(
    ["d", "d/e"].map((name) => stat(join(target.directory, name), { bigint: true })),
  );
  assert.deepEqual(
    times.map(({ mtimeNs }) => mtimeNs),
    [1_000_500_000_000n, 2_000_000_000_000n],
  );
});
