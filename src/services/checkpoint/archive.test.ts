import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { HostPaths, type LookUp } from "../../ground/hostpaths/index.ts";
import { unmount } from "../../ground/linux/index.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { applyRootfsDiff, type RootfsSource, readCheckpoint, unpackArchive, writeArchive } from "./index.ts";

const run = promisify(execFile);
const never = new AbortController().signal;

/** What the image has, and what a container does to it. */
const image = `mkdir -p etc/gone/deep etc/kept usr/bin opaque/a/b; echo a > etc/a; echo b > etc/gone/deep/b; echo x > opaque/x
  echo y > opaque/a/b/y; echo k > etc/kept/k; echo sh > usr/bin/sh; chmod 4755 usr/bin/sh; ln -s usr/bin bin; echo t > type; mkdir other`;
const container = `echo a2 > etc/a; rm -r etc/gone; echo new > etc/kept/new; chown 7:8 etc/kept/new; chmod 2711 etc/kept
  rm -r opaque; mkdir -p opaque/a; echo z > opaque/a/z; ln etc/kept/new etc/hard; mkfifo etc/fifo; rm type; mkdir type
  echo in > type/in; rmdir other; echo o > other; touch -d @1000000000.123456789 other; setfattr -n user.k -v v other 2>/dev/null
  mkdir -p long; echo l > long/${"n".repeat(200)}; mknod etc/zero c 1 5`;

/** The tree as lines of text: names, kinds, modes, owners, sizes and content. */
async function describeTree(root: string): Promise<string> {
  const listing =
    "find . -mindepth 1 \\( -type d -printf '%p d %m %U %G\\n' \\) -o -printf '%p %y %m %U %G %s %l %T@\\n' | sort";
  const content = "find . -type f -print0 | sort -z | xargs -0 sha256sum";
  const { stdout } = await run("sh", ["-ec", `cd ${root}; ${listing}; ${content}`]);
  return stdout;
}

/** An overlay mount of an image's tree, on which a container has worked; `merged` is the whole. */
async function overlay(root: string) {
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(root, name));
  if (!lower || !upper || !work || !merged) throw new Error("four directories");
  for (const path of [lower, upper, work, merged]) await mkdir(path);
  await run("sh", ["-ec", image], { cwd: lower });
  const options = [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`].join(",");
  await run("mount", ["-t", "overlay", "overlay", "-o", options, merged]);
  await run("sh", ["-c", container], { cwd: merged });
  const source: RootfsSource = { merged, changes: { kind: "overlay", upper, lower: [lower] } };
  return { lower, merged, source, [Symbol.asyncDispose]: () => unmount(merged, { detach: true }) };
}

async function restoreTo(target: string, archive: string, directory: string): Promise<readonly string[]> {
  await mkdir(directory);
  await unpackArchive([{ path: archive }], directory, new HostPaths().of("pod"));
  await run("tar", ["-tf", join(directory, "rootfs-diff.tar")]);
  const deleted = JSON.parse(await readFile(join(directory, "deleted.files"), "utf8"));
  await applyRootfsDiff({ diff: join(directory, "rootfs-diff.tar"), deleted }, target);
  return deleted;
}

for (const kind of ["write", "unpack"]) {
  test(`work at a place that does not answer any more ends with its caller's signal: ${kind}`, async () => {
    await using root = await tempDir();
    const path = join(root.path, "dead");
    await mkdir(path);
    await using _dead = await deadFileSystem(path);
    const archive = join(path, "archive.tar");
    const source: RootfsSource = { merged: root.path, changes: { kind: "copy", base: undefined } };
    const caller = new AbortController();
    const work =
      kind === "write"
        ? writeArchive(archive, [], source, caller.signal)
        : unpackArchive([{ path: archive }], root.path, new HostPaths().of("pod", caller.signal));
    const ends = assert.rejects(work, { message: "gone" });
    // A kernel that does not say what its threads wait for is given the time.
    await until(waitsForAnswer).catch(() => undefined);
    caller.abort(new Error("gone"));
    await ends;
  });
}

test("an archive that stops answering while it is unpacked ends the work", async () => {
  await using root = await tempDir();
  const [archive, file] = [join(root.path, "archive.tar"), join(root.path, "file")];
  await writeFile(file, Buffer.alloc(2 * 1024 * 1024, "x"));
  await run("tar", ["-cf", archive, "-C", root.path, "file"]);
  const hostPaths = new HostPaths({ answerMs: 300 });
  const release = Promise.withResolvers<void>();
  let looks = 0;
  const stopsAnswering: LookUp = (path, work) =>
    hostPaths.of("pod")(path, async () => {
      if (++looks === 6) await release.promise;
      return work();
    });
  const into = async (name: string) => {
    await mkdir(join(root.path, name));
    return join(root.path, name);
  };
  await assert.rejects(unpackArchive([{ path: archive }], await into("first"), stopsAnswering), {
    code: "Unavailable",
    message: /archive\.tar of the host does not respond/,
  });
  release.resolve();
  const directory = await into("second");
  await unpackArchive([{ path: archive }], directory, new HostPaths().of("pod"));
  assert.equal((await readFile(join(directory, "file"))).length, 2 * 1024 * 1024);
});

/** Whether a thread of this process waits for an answer of FUSE. */
async function waitsForAnswer(): Promise<boolean> {
  const threads = await readdir("/proc/self/task");
  const places = threads.map((thread) => readFile(`/proc/self/task/${thread}/wchan`, "utf8").catch(() => ""));
  return (await Promise.all(places)).some((place) => place.includes("fuse"));
}

describe("an archive", () => {
  test("holds what a container changed of its image, whole directories and types among it", async () => {
    await using root = await tempDir();
    await using tree = await overlay(root.path);
    const archive = join(root.path, "archive.tar");
    await writeArchive(archive, [], tree.source, never);
    const target = join(root.path, "target");
    await run("cp", ["-a", tree.lower, target]);
    const deleted = await restoreTo(target, archive, join(root.path, "unpacked"));
    assert.equal(await describeTree(target), await describeTree(tree.merged));
    assert.deepEqual([...deleted].sort(), ["/etc/gone", "/opaque/a/b", "/opaque/x"]);
    const { stdout } = await run("tar", ["-tf", join(root.path, "unpacked", "rootfs-diff.tar")]);
    assert.ok(!stdout.includes("usr/bin/sh"), "what was not changed is not written");
  });

  test("is the same where the container's tree is a copy of its image's", async () => {
    await using root = await tempDir();
    const [base, merged, target] = ["base", "merged", "target"].map((name) => join(root.path, name));
    if (!base || !merged || !target) throw new Error("three directories");
    await mkdir(base);
    await run("sh", ["-ec", image], { cwd: base });
    for (const copy of [merged, target]) await run("cp", ["-a", base, copy]);
    await run("sh", ["-c", container], { cwd: merged });
    const archive = join(root.path, "archive.tar");
    await writeArchive(archive, [], { merged, changes: { kind: "copy", base } }, never);
    await restoreTo(target, archive, join(root.path, "unpacked"));
    assert.equal(await describeTree(target), await describeTree(merged));
  });

  test("holds its parts, of which another tar reads the same", async () => {
    await using root = await tempDir();
    const images = join(root.path, "images");
    await mkdir(images);
    await mkdir(join(root.path, "empty"));
    await writeFile(join(images, "inventory.img"), "inventory");
    await writeFile(join(images, "pages-1.img"), Buffer.alloc(3_000_001, 7));
    const archive = join(root.path, "archive.tar");
    const spec = {
      process: { args: ["a"], cwd: "/", user: { uid: 1, gid: 2 } },
      mounts: [{ type: "bind", destination: "/d" }],
    };
    await writeArchive(
      archive,
      [
        { kind: "text", name: "config.dump", text: JSON.stringify({ name: "é", restored: true }) },
        { kind: "text", name: "spec.dump", text: JSON.stringify(spec) },
        { kind: "file", name: "container.log", path: join(root.path, "none") },
        { kind: "directory", name: "checkpoint", path: images },
      ],
      { merged: join(root.path, "empty"), changes: { kind: "copy", base: undefined } },
      never,
    );
    assert.equal((await lstat(archive)).mode & 0o777, 0o600);
    const other = join(root.path, "gnu");
    await mkdir(other);
    await run("tar", ["-xf", archive, "-C", other]);
    await run("cmp", [join(images, "pages-1.img"), join(other, "checkpoint", "pages-1.img")]);
    const directory = join(root.path, "unpacked");
    await mkdir(directory);
    await unpackArchive([{ path: archive }], directory, new HostPaths().of("pod"));
    const checkpoint = await readCheckpoint(directory);
    assert.deepEqual(
      [checkpoint.config.name, checkpoint.config.restored, checkpoint.log],
      ["é", true, undefined],
    );
    assert.deepEqual(checkpoint.spec, {
      args: ["a"],
      cwd: "/",
      uid: 1,
      gid: 2,
      terminal: false,
      bindMounts: ["/d"],
    });
    await symlink("/etc/passwd", join(directory, "checkpoint", "pages-2.img"));
    await assert.rejects(readCheckpoint(directory), { code: "InvalidArgument", message: /pages-2.img/ });
  });

  test("that finds the disk full says so", async () => {
    await using root = await tempDir();
    await using disk = await smallDisk(64 * 1024);
    await writeFile(join(root.path, "large"), Buffer.alloc(1024 * 1024));
    const source: RootfsSource = { merged: root.path, changes: { kind: "copy", base: undefined } };
    await assert.rejects(writeArchive(join(disk.path, "archive"), [], source, never), {
      code: "ResourceExhausted",
    });
  });

  test("that is not wanted any more ends", async () => {
    await using root = await tempDir();
    const source: RootfsSource = { merged: "/usr", changes: { kind: "copy", base: undefined } };
    const reason = new Error("not wanted");
    await assert.rejects(
      writeArchive(join(root.path, "archive"), [], source, AbortSignal.abort(reason)),
      reason,
    );
  });
});
