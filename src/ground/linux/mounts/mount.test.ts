import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { test } from "node:test";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import {
  bindMount,
  LinuxError,
  mount,
  mountFlags,
  mountInfo,
  mountPropagationOf,
  mountSnapshot,
  parseMountInfo,
  unmount,
} from "../index.ts";

// For its mount namespace: what a test mounts is nobody else's.
await enterPrivateNetwork();

const hasErrno = (errno: string) => (error: unknown) => error instanceof LinuxError && error.errno === errno;

/** Directories by name, in which nothing is mounted any more when they are disposed of. */
async function directories<Name extends string>(...names: readonly Name[]) {
  const root = await tempDir();
  const paths = Object.fromEntries(names.map((name) => [name, `${root.path}/${name}`])) as Record<
    Name,
    string
  >;
  for (const name of names) await mkdir(paths[name]);
  const dispose = async () => {
    const inside = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(root.path));
    for (const { mountPoint } of inside.toReversed())
      await unmount(mountPoint, { detach: true, missingOk: true });
    await root[Symbol.asyncDispose]();
  };
  return { ...paths, [Symbol.asyncDispose]: dispose };
}

test("concurrent calls that fail each report their own error", async () => {
  await using dirs = await directories("here");
  const calls = Array.from({ length: 40 }, (_, index) => {
    const [path, errno] = index % 2 === 0 ? [dirs.here, "EINVAL"] : [`${dirs.here}/none`, "ENOENT"];
    return assert.rejects(unmount(path), hasErrno(errno));
  });
  await Promise.all(calls);
});

test("a mount shows its type, flags and options, and is gone when unmounted", async () => {
  await using dirs = await directories("target");
  const flags = mountFlags.nosuid | mountFlags.noexec;
  await mount({ source: "scratch", target: dirs.target, type: "tmpfs", flags, data: "size=64k,mode=0700" });
  const info = (await mountInfo()).find(({ mountPoint }) => mountPoint === dirs.target);
  assert.equal(info?.type, "tmpfs");
  assert.equal(info?.source, "scratch");
  assert.ok(["nosuid", "noexec"].every((option) => info?.options.includes(option)));
  assert.ok(info?.superOptions.includes("size=64k"));
  await unmount(dirs.target);
  assert.equal(
    (await mountInfo()).some(({ mountPoint }) => mountPoint === dirs.target),
    false,
  );
  await unmount(dirs.target, { missingOk: true });
  await assert.rejects(unmount(dirs.target), hasErrno("EINVAL"));
});

test("a read-only bind mount refuses writes and keeps what the source's mount forbids", async () => {
  await using dirs = await directories("source", "target");
  await mount({ source: "scratch", target: dirs.source, type: "tmpfs", flags: mountFlags.nosuid });
  await bindMount(dirs.source, dirs.target, { readonly: true });
  await assert.rejects(writeFile(`${dirs.target}/file`, ""), { code: "EROFS" });
  await writeFile(`${dirs.source}/file`, "");
  const info = (await mountInfo()).find(({ mountPoint }) => mountPoint === dirs.target);
  assert.ok(info?.options.includes("nosuid"));
});

test("mounts below are left out, taken along, or made read-only too, as asked", async () => {
  await using dirs = await directories("source", "plain", "deep", "deepReadonly");
  await mkdir(`${dirs.source}/sub`);
  await mount({ source: "scratch", target: `${dirs.source}/sub`, type: "tmpfs" });
  await writeFile(`${dirs.source}/sub/file`, "below");
  await bindMount(dirs.source, dirs.plain);
  await assert.rejects(readFile(`${dirs.plain}/sub/file`), { code: "ENOENT" });
  await bindMount(dirs.source, dirs.deep, { recursive: true, readonly: true });
  await writeFile(`${dirs.deep}/sub/file`, "still writable");
  await bindMount(dirs.source, dirs.deepReadonly, { recursive: true, readonly: "recursive" });
  await assert.rejects(writeFile(`${dirs.deepReadonly}/sub/file`, ""), { code: "EROFS" });
});

test("the propagation of the mount that holds a path is told", async () => {
  await using dirs = await directories("source", "shared", "slave");
  await bindMount(dirs.source, dirs.shared, { propagation: "shared" });
  await bindMount(dirs.shared, dirs.slave, { propagation: "slave" });
  await mkdir(`${dirs.shared}/sub`);
  assert.equal(await mountPropagationOf(dirs.source), "private");
  assert.equal(await mountPropagationOf(`${dirs.shared}/sub`), "shared");
  assert.equal(await mountPropagationOf(dirs.slave), "slave");
  await assert.rejects(mountPropagationOf(`${dirs.source}/none`), { code: "NotFound" });
});

test("a snapshot's overlay mount shows its layers and writes into the upper one", async () => {
  await using dirs = await directories("lower", "upper", "work", "target");
  await writeFile(`${dirs.lower}/below`, "lower");
  const upper = { directory: dirs.upper, work: dirs.work };
  const overlay = { type: "overlay", upper, lower: [dirs.lower], options: ["index=off"] } as const;
  await mountSnapshot([overlay], dirs.target);
  assert.equal(await readFile(`${dirs.target}/below`, "utf8"), "lower");
  await writeFile(`${dirs.target}/above`, "upper");
  assert.equal(await readFile(`${dirs.upper}/above`, "utf8"), "upper");
});

test("a snapshot's overlay may have layers with names that mean something in mount options", async () => {
  await using dirs = await directories("a:b", "c,d", "e\\f", "work", "target");
  await writeFile(`${dirs["a:b"]}/one`, "1");
  await writeFile(`${dirs["c,d"]}/two`, "2");
  const upper = { directory: dirs["e\\f"], work: dirs.work };
  const overlay = {
    type: "overlay",
    upper,
    lower: [dirs["a:b"], dirs["c,d"]],
    options: ["index=off"],
  } as const;
  await mountSnapshot([overlay], dirs.target);
  await writeFile(`${dirs.target}/three`, "");
  assert.deepEqual((await readdir(dirs.target)).sort(), ["one", "three", "two"]);
  assert.deepEqual(await readdir(dirs["e\\f"]), ["three"]);
});

test("four hundred layers are mounted in their order, the bottom one too", async () => {
  await using dirs = await directories("layers", "target");
  const names = Array.from({ length: 400 }, (_, index) => `${dirs.layers}/${index + 1}/fs`);
  for (const [index, name] of names.entries()) {
    await mkdir(name, { recursive: true });
    await writeFile(`${name}/top`, `${index}`);
    await writeFile(`${name}/only-${index}`, "");
  }
  const overlay = { type: "overlay", upper: undefined, lower: names, options: ["index=off"] } as const;
  await mountSnapshot([overlay], dirs.target);
  assert.equal(await readFile(`${dirs.target}/top`, "utf8"), "0");
  await readFile(`${dirs.target}/only-399`);
});

/** Names so long that a page has room for some ten of them. */
async function longNames(root: string, count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `${root}/${"n".repeat(150)}:\\${index}`);
  for (const name of names) await mkdir(name);
  return names;
}

const [major = 0, minor = 0] = release().split(".").map(Number);
const beforeLayersByOne = major < 6 || (major === 6 && minor < 8);

test("as many layers as overlayfs takes are mounted in their order however long their names are", {
  skip: beforeLayersByOne && "the kernel takes layers one by one since Linux 6.8",
}, async () => {
  await using dirs = await directories("layers", "target", "upper:a\\b", "work");
  const lower = await longNames(dirs.layers, 500);
  for (const [index, name] of lower.entries()) await writeFile(`${name}/top`, `${index}`);
  await writeFile(`${lower.at(-1)}/bottom`, "");
  const overlay = { type: "overlay", lower, options: ["index=off"] } as const;
  const upper = { directory: dirs["upper:a\\b"], work: dirs.work };
  await mountSnapshot([{ ...overlay, upper }], dirs.target);
  assert.equal(await readFile(`${dirs.target}/top`, "utf8"), "0");
  await readFile(`${dirs.target}/bottom`);
  await writeFile(`${dirs.target}/top`, "changed");
  assert.deepEqual(await readdir(upper.directory), ["top"]);
  await unmount(dirs.target);
  await mountSnapshot([{ ...overlay, upper: undefined }], dirs.target);
  await assert.rejects(writeFile(`${dirs.target}/top`, ""), { code: "EROFS" });
});

test("more layers than the kernel can be told of are refused with their number, and nothing is mounted", async () => {
  await using dirs = await directories("layers", "target");
  const lower = await longNames(dirs.layers, 501);
  const overlay = { type: "overlay", upper: undefined, lower, options: [] } as const;
  await assert.rejects(mountSnapshot([overlay], dirs.target), {
    code: "FailedPrecondition",
    message: /501 layers/,
  });
  assert.deepEqual(await readdir(dirs.target), []);
});

test("a snapshot's bind mount is read-only when it is described so", async () => {
  await using dirs = await directories("source", "target");
  await mountSnapshot([{ type: "bind", source: dirs.source, readonly: true }], dirs.target);
  await assert.rejects(writeFile(`${dirs.target}/file`, ""), { code: "EROFS" });
});

test("an unmount does not follow a symbolic link", async () => {
  await using dirs = await directories("target");
  await mount({ source: "scratch", target: dirs.target, type: "tmpfs" });
  await symlink(dirs.target, `${dirs.target}/link`);
  await assert.rejects(unmount(`${dirs.target}/link`, { detach: true }), hasErrno("EINVAL"));
});

test("mountinfo's escapes, peer groups and optional fields are read", () => {
  const [info] = parseMountInfo(
    "36 35 98:0 /mnt1 /a\\040b\\134 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n",
  );
  assert.deepEqual(info, {
    id: 36,
    parentId: 35,
    device: "98:0",
    root: "/mnt1",
    mountPoint: "/a b\\",
    options: ["rw", "noatime"],
    sharedGroup: 1,
    masterGroup: 2,
    type: "ext3",
    source: "/dev/root",
    superOptions: ["rw", "errors=continue"],
  });
  assert.throws(() => parseMountInfo("nonsense"), LinuxError);
});

test("calls are made in their turn, however many are asked for at once", async () => {
  await using directory = await tempDir();
  const calls = Array.from({ length: 2000 }, () => unmount(directory.path, { missingOk: true }));
  assert.equal((await Promise.all(calls)).length, calls.length);
});
