import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { closeFile, getXattrAt, listXattrsAt, openDirectory, setXattrAt } from "../../ground/linux/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { applyBytes, listTree, mountedImage, newTarget } from "./testing/apply.ts";

const run = promisify(execFile);

/** Supported by every tar format. */
const oldTree = `
  mkdir -p bin etc/sub empty 'sp ace'
  echo tool > bin/tool; chmod 6755 bin/tool; ln bin/tool bin/link; ln -s tool bin/soft; ln -s /etc/absolute etc/soft
  echo conf > etc/conf; chown 12:34 etc/conf etc/sub; chmod 1777 etc/sub; : > etc/none; chmod 0 etc/none
  chown -h 8:9 etc/soft
  head -c 300000 /dev/urandom > 'sp ace/large'
  find . -depth -exec touch -h -d @1234567890 {} +`;

/** Supported by POSIX's formats. */
const plainTree = `mknod dev0 c 1 3; mknod dev1 b 7 200; mkfifo fifo; chown 5:6 fifo; ${oldTree}`;

/** Supported by newer formats. */
const longTree = `${plainTree}
  deep=$(printf 'd%.0s' $(seq 90)); mkdir -p $deep/$deep/$deep; echo x > $deep/$deep/$deep/file
  ln -s $deep/$deep/$deep/file longlink; ln $deep/$deep/$deep/file longhard
  echo big > bigid; chown 3000000:4000000000 bigid; echo ü > "$(printf 'latin\\351')"; echo u > 'ümläut'
  : > early
  find . -depth -exec touch -h -d @1234567890.123456789 {} +; touch -d @-12.5 early`;

async function comparedWithTar(
  script: string,
  options: readonly string[],
  prepare = (_tree: string) => {},
): Promise<void> {
  await using root = await tempDir();
  const tree = join(root.path, "tree");
  await mkdir(tree);
  await run("sh", ["-ec", script], { cwd: tree });
  prepare(tree);
  const archive = join(root.path, "a.tar");
  await run("tar", ["-C", tree, "-cf", archive, ...options, "."]);
  const expected = join(root.path, "expected");
  await mkdir(expected);
  await run("tar", ["-C", expected, "-xpf", archive, "--numeric-owner", "--xattrs", "--xattrs-include=*"]);
  const target = await newTarget(join(root.path, "actual"));
  await applyBytes(await readFile(archive), target, { pieceBytes: 10_007 });
  assert.deepEqual(await listTree(target.directory), await listTree(expected));
  const diff = ["-r", "--no-dereference", "-x", "dev*", "-x", "fifo", expected];
  await run("diff", [...diff, target.directory]);
  const image = { form: "image", directory: join(root.path, "image") } as const;
  await applyBytes(await readFile(archive), image, { pieceBytes: 10_007 });
  const mounted = join(root.path, "mounted");
  await using _mount = await mountedImage(image.directory, mounted);
  assert.deepEqual(await listTree(mounted), await listTree(expected));
  await run("diff", [...diff, mounted]);
}

for (const [format, tree] of [
  ["v7", oldTree],
  ["ustar", plainTree],
] as const) {
  test(`a tree that GNU tar wrote in the ${format} format becomes what GNU tar makes of it`, () =>
    comparedWithTar(tree, [`--format=${format}`]));
}

for (const format of ["gnu", "pax"]) {
  test(`long names, large ids and exact times of the ${format} format become what GNU tar makes of them`, () =>
    comparedWithTar(longTree, [`--format=${format}`]));
}

const sparseTree = `
  truncate -s 10M hole; printf data | dd of=some bs=1 seek=3M status=none; truncate -s 9M some
  for i in $(seq 0 59); do printf "block $i" | dd of=many bs=1 seek=\${i}00000 conv=notrunc status=none; done; printf end > small`;

for (const options of [
  ["--format=gnu"],
  ...["0.0", "0.1", "1.0"].map((version) => ["--format=pax", `--sparse-version=${version}`]),
]) {
  test(`sparse files of ${options.join(" ")} keep their data and their holes`, async () => {
    await comparedWithTar(sparseTree, ["--sparse", "--hole-detection=raw", ...options]);
  });
}

test("holes of sparse files take no space", async () => {
  await using root = await tempDir();
  await run("truncate", ["-s", "64M", join(root.path, "hole")]);
  await run("tar", ["--sparse", "-C", root.path, "-cf", join(root.path, "a.tar"), "hole"]);
  const target = await newTarget(join(root.path, "out"));
  await applyBytes(await readFile(join(root.path, "a.tar")), target);
  const { size, blocks } = await stat(join(target.directory, "hole"));
  assert.deepEqual([size, blocks], [64 << 20, 0]);
});

test("extended attributes and file capabilities are kept byte for byte, together with setuid", async () => {
  const capability = Buffer.from("0100000200200080000000000000000000000000", "hex").subarray(0, 20);
  const xattrs = (tree: string, name: string) =>
    withDirectory(tree, (fd) =>
      listXattrsAt(fd, name)
        .map((key) => [key, Buffer.from(getXattrAt(fd, name, key)).toString("hex")])
        .sort(),
    );
  await using root = await tempDir();
  const tree = join(root.path, "tree");
  await mkdir(tree);
  await run("sh", ["-ec", "mkdir dir; echo x > file; chown 5:6 file; chmod 4755 file"], { cwd: tree });
  withDirectory(tree, (fd) => {
    setXattrAt(fd, "file", "security.capability", capability);
    setXattrAt(fd, "file", "user.raw", Buffer.from([0, 10, 61, 255]));
    setXattrAt(fd, "dir", "user.on-dir", Buffer.from("ü"));
    setXattrAt(fd, "dir", "trusted.overlay.opaque", Buffer.from("y"));
  });
  const archive = join(root.path, "a.tar");
  await run("tar", ["-C", tree, "-cf", archive, "--xattrs", "--xattrs-include=*", "--format=pax", "."]);
  const target = await newTarget(join(root.path, "out"));
  await applyBytes(await readFile(archive), target);
  assert.deepEqual(xattrs(target.directory, "file"), [
    ["security.capability", capability.toString("hex")],
    ["user.raw", "000a3dff"],
  ]);
  assert.deepEqual(xattrs(target.directory, "dir"), [["user.on-dir", "c3bc"]]);
  assert.equal((await stat(join(target.directory, "file"))).mode & 0o7777, 0o4755);
});

function withDirectory<T>(path: string, use: (fd: number) => T): T {
  const fd = openDirectory(path);
  try {
    return use(fd);
  } finally {
    closeFile(fd);
  }
}
