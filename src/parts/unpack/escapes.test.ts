import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BerthError } from "../../ground/errors/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { DirectoryTarget } from "./index.ts";
import { applyBytes, listTree, newTarget } from "./testing/apply.ts";
import { type TestEntry, tarOf } from "./testing/tar-bytes.ts";

const file = (name: string, data = "evil"): TestEntry => ({ name, data });
const link = (name: string, target: string): TestEntry => ({ name, type: "2", link: target });
const hard = (name: string, target: string): TestEntry => ({ name, type: "1", link: target });
const directory = (name: string): TestEntry => ({ name, type: "5", mode: 0o755 });

/**
 * Applies the archive that `entries` creates, given the path of the target's neighbour `outside`, and asserts
 * that nothing changed there. Returns the target's entries, or the code with which the layer was rejected.
 */
async function attacked(
  how: DirectoryTarget["whiteouts"],
  entries: (outside: string) => readonly TestEntry[],
) {
  await using root = await tempDir();
  const outside = join(root.path, "outside");
  await mkdir(join(outside, "sub"), { recursive: true });
  await writeFile(join(outside, "secret"), "kept");
  const before = await listTree(root.path);
  const target = await newTarget(join(root.path, "target"), how);
  let refused: unknown;
  try {
    await applyBytes(tarOf(...entries(outside)), target);
  } catch (error) {
    assert.ok(error instanceof BerthError, String(error));
    refused = error.code;
  }
  const after = (await listTree(root.path)).filter((line) => !line.startsWith("target"));
  assert.deepEqual(after, before, "something outside has changed");
  assert.equal(await readFile(join(outside, "secret"), "utf8"), "kept");
  const names = (await listTree(target.directory)).map((line) => line.split(" ")[0]);
  return refused ?? names;
}

type Attack = {
  readonly title: string;
  readonly entries: (outside: string) => readonly TestEntry[];
  readonly outcome: unknown;
};

const attacks: readonly Attack[] = [
  {
    title: "an absolute name is meant from the root",
    entries: (outside) => [file(`${outside}/new`.replace(/^\/[^/]+\/[^/]+/, "/x"))],
    outcome: ["x", "x/outside", "x/outside/new"],
  },
  {
    title: "a name that leads out with .. is refused",
    entries: () => [file("../outside/secret")],
    outcome: "InvalidArgument",
  },
  {
    title: "so is one that does so in its middle",
    entries: () => [file("a/../../outside/secret")],
    outcome: "InvalidArgument",
  },
  { title: "a name whose .. stays inside is cleaned", entries: () => [file("a/../b")], outcome: ["b"] },
  {
    title: "a file behind an absolute symbolic link lands inside",
    entries: (outside) => [link("l", outside), file("l/secret")],
    outcome: undefined,
  },
  {
    title: "an absolute symbolic link points from the layer's root",
    entries: () => [directory("x"), link("x/l", "/in"), file("x/l/f")],
    outcome: ["in", "in/f", "x", "x/l"],
  },
  {
    title: "a file behind a relative symbolic link that leads out lands inside",
    entries: () => [link("l", "../outside"), file("l/secret")],
    outcome: ["l", "outside", "outside/secret"],
  },
  {
    title: "links through links land inside",
    entries: () => [directory("a"), link("a/up", "../.."), link("b", "a/up/outside"), file("b/secret")],
    outcome: ["a", "a/up", "b", "outside", "outside/secret"],
  },
  {
    title: "a directory entry does not follow a symbolic link of its name",
    entries: (outside) => [
      link("sub", `${outside}/sub`),
      { ...directory("sub"), mode: 0o777 },
      file("sub/x"),
    ],
    outcome: ["sub", "sub/x"],
  },
  {
    title: "a file entry replaces a symbolic link and does not write through it",
    entries: (outside) => [link("f", `${outside}/secret`), file("f")],
    outcome: ["f"],
  },
  {
    title: "a file entry replaces a hard link and does not write through it",
    entries: () => [file("a"), hard("b", "a"), file("b", "other")],
    outcome: ["a", "b"],
  },
  {
    title: "a hard link to the outside by .. is refused",
    entries: () => [hard("h", "../outside/secret")],
    outcome: "InvalidArgument",
  },
  {
    title: "a hard link to an absolute path is looked for inside",
    entries: (outside) => [hard("h", `${outside}/secret`)],
    outcome: "InvalidArgument",
  },
  {
    title: "a hard link through a symbolic link is looked for inside",
    entries: (outside) => [link("l", outside), hard("h", "l/secret")],
    outcome: "InvalidArgument",
  },
  {
    title: "a hard link to a symbolic link is one to the link, and changes nothing behind it",
    entries: (outside) => [link("l", `${outside}/secret`), { ...hard("h", "l"), mode: 0o777, uid: 7 }],
    outcome: ["h", "l"],
  },
  {
    title: "a hard link to itself is refused",
    entries: () => [file("a"), hard("a", "a")],
    outcome: "InvalidArgument",
  },
  {
    title: "a hard link to a directory is refused",
    entries: () => [directory("d"), hard("h", "d")],
    outcome: "InvalidArgument",
  },
  {
    title: "a hard link to the root is refused",
    entries: () => [hard("h", ".")],
    outcome: "InvalidArgument",
  },
  {
    title: "a whiteout behind a symbolic link removes nothing outside",
    entries: (outside) => [link("l", outside), file("l/.wh.secret", "")],
    outcome: undefined,
  },
  {
    title: "an opaque mark behind a symbolic link empties nothing outside",
    entries: (outside) => [link("l", outside), file("l/.wh..wh..opq", "")],
    outcome: undefined,
  },
  {
    title: "a whiteout of nothing is refused",
    entries: () => [file("a/.wh.", "")],
    outcome: "InvalidArgument",
  },
  { title: "a whiteout of . is refused", entries: () => [file("a/.wh..", "")], outcome: "InvalidArgument" },
  { title: "a whiteout of .. is refused", entries: () => [file("a/.wh...", "")], outcome: "InvalidArgument" },
  {
    title: "an entry below a whiteout is refused",
    entries: () => [file(".wh.a/b")],
    outcome: "InvalidArgument",
  },
  {
    title: "the time of a directory that became a symbolic link changes nothing behind it",
    entries: (outside) => [{ ...directory("sub"), mtime: 5 }, link("sub", `${outside}/sub`)],
    outcome: ["sub"],
  },
  {
    title: "nor does that of a directory whose parent became one",
    entries: (outside) => [directory("d"), { ...directory("d/sub"), mtime: 5 }, link("d", outside)],
    outcome: ["d"],
  },
  {
    title: "an entry below a file is refused",
    entries: () => [file("f"), file("f/x")],
    outcome: "InvalidArgument",
  },
  {
    title: "a symbolic link to itself cannot be entered",
    entries: () => [link("l", "l"), file("l/x")],
    outcome: "InvalidArgument",
  },
  {
    title: "a symbolic link to nothing is refused",
    entries: () => [link("l", "")],
    outcome: "InvalidArgument",
  },
  {
    title: "a name with a NUL in a PAX header is refused",
    entries: () => [{ ...file("a"), pax: { path: "a\0b" } }],
    outcome: "InvalidArgument",
  },
  {
    title: "a name of 256 bytes is refused",
    entries: () => [file("n".repeat(256))],
    outcome: "InvalidArgument",
  },
  {
    title: "a path of 5000 bytes is refused",
    entries: () => [file("d/".repeat(2500))],
    outcome: "InvalidArgument",
  },
  {
    title: "a symbolic link's target of 5000 bytes is refused",
    entries: () => [link("l", "d/".repeat(2500))],
    outcome: "InvalidArgument",
  },
  {
    title: "an owner of -1 is refused",
    entries: () => [{ ...file("f"), pax: { uid: "4294967295" } }],
    outcome: "InvalidArgument",
  },
  {
    title: "a device number that the kernel would cut is refused",
    entries: () => [{ name: "dev", type: "3", major: 0x1000, minor: 1 }],
    outcome: "InvalidArgument",
  },
  {
    title: "an entry of an unknown type is refused",
    entries: () => [{ name: "x", type: "Q" }],
    outcome: "InvalidArgument",
  },
  {
    title: "entries for the root do nothing",
    entries: () => [file("/"), file("."), link("./", "/etc")],
    outcome: [],
  },
];

for (const how of ["overlayfs", "remove"] as const) {
  describe(`with ${how}`, () => {
    for (const { title, entries, outcome } of attacks) {
      test(title, async () => {
        const result = await attacked(how, entries);
        if (outcome !== undefined) assert.deepEqual(result, outcome);
      });
    }
  });
}

test("a tree of the parent's symbolic links keeps whiteouts and files inside too", async () => {
  await using root = await tempDir();
  const outside = join(root.path, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "kept");
  const target = await newTarget(join(root.path, "target"), "remove");
  await applyBytes(tarOf(link("l", outside), link("up", "../../../../../../../../..")), target);
  await applyBytes(
    tarOf(file("l/.wh.secret", ""), file("l/new"), file(`up${outside}/.wh..wh..opq`, ""), file("up/x")),
    target,
  );
  assert.deepEqual(await readdir(outside), ["secret"]);
  assert.ok((await lstat(join(target.directory, "x"))).isFile());
});

test("deep trees are created and replaced completely", async () => {
  await using root = await tempDir();
  const target = await newTarget(join(root.path, "target"));
  const deep = Array.from({ length: 1500 }, () => "d").join("/");
  await applyBytes(tarOf(file(`${deep}/file`), file("d")), target);
  assert.deepEqual(await readdir(target.directory), ["d"]);
  assert.ok((await lstat(join(target.directory, "d"))).isFile());
});
