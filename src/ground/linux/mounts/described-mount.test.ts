import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { test } from "node:test";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { describeMount, mountDescribed, mountInfo, unmount } from "../index.ts";

// For its mount namespace: what a test mounts is nobody else's.
await enterPrivateNetwork();

/**
 * A directory with those named in it, on a tmpfs, as an overlay's upper directory cannot lie on an overlay.
 */
async function directories<Name extends string>(...names: readonly Name[]) {
  const root = await tempDir();
  await mountDescribed({ type: "tmpfs", source: "scratch", options: ["size=1m", "mode=0700"] }, root.path);
  const paths = Object.fromEntries(names.map((name) => [name, `${root.path}/${name}`])) as Record<
    Name,
    string
  >;
  for (const name of names) await mkdir(paths[name]);
  const dispose = async () => {
    const inside = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(root.path));
    for (const { mountPoint } of inside.toReversed()) await unmount(mountPoint, { detach: true });
    await root[Symbol.asyncDispose]();
  };
  return { ...paths, [Symbol.asyncDispose]: dispose };
}

const optionsOf = async (path: string) =>
  (await mountInfo()).find(({ mountPoint }) => mountPoint === path)?.options ?? [];

test("an overlay that is described is mounted again, colons and backslashes in its paths among it", async () => {
  await using dirs = await directories("low:er", "other\\lower", "up:per", "work", "target");
  await writeFile(`${dirs["low:er"]}/a`, "a");
  await writeFile(`${dirs["other\\lower"]}/b`, "b");
  const lower = [dirs["low:er"], dirs["other\\lower"]];
  const upper = { directory: dirs["up:per"], work: dirs.work };
  await mountDescribed(describeMount({ type: "overlay", lower, upper, options: [] }), dirs.target);
  assert.deepEqual((await readdir(dirs.target)).sort(), ["a", "b"]);
  await writeFile(`${dirs.target}/c`, "c");
  assert.equal(await readFile(`${dirs["up:per"]}/c`, "utf8"), "c");
});

test("an overlay without an upper directory is described and mounted read-only", async () => {
  await using dirs = await directories("one", "two", "target");
  const described = describeMount({
    type: "overlay",
    lower: [dirs.one, dirs.two],
    upper: undefined,
    options: [],
  });
  await mountDescribed(described, dirs.target);
  assert.ok((await optionsOf(dirs.target)).includes("ro"));
});

test("words of mount(8) are flags of a described bind mount, and the last of two that contradict each other holds", async () => {
  await using dirs = await directories("source", "target");
  const options = ["rbind", "ro", "nosuid", "noexec", "exec", "nodev"];
  await mountDescribed({ type: "bind", source: dirs.source, options }, dirs.target);
  const shown = await optionsOf(dirs.target);
  assert.deepEqual(
    ["ro", "nosuid", "nodev", "noexec"].filter((word) => shown.includes(word)),
    ["ro", "nosuid", "nodev"],
  );
});

const [major = 0, minor = 0] = release().split(".").map(Number);

test("flags of a described overlay hold also where its layers are told one by one", {
  skip: (major < 6 || (major === 6 && minor < 8)) && "the kernel takes layers one by one since Linux 6.8",
}, async () => {
  await using dirs = await directories("layers", "upper", "work", "target");
  // So long that a page does not hold their names.
  const lower = Array.from({ length: 40 }, (_, index) => `${dirs.layers}/${"n".repeat(200)}${index}`);
  for (const name of lower) await mkdir(name);
  const upper = { directory: dirs.upper, work: dirs.work };
  const { options, ...described } = describeMount({ type: "overlay", lower, upper, options: [] });
  const flags = ["nosuid", "nodev", "noexec", "noatime", "ro"];
  await mountDescribed({ ...described, options: [...options, ...flags] }, dirs.target);
  const shown = await optionsOf(dirs.target);
  assert.deepEqual(
    flags.filter((word) => !shown.includes(word)),
    [],
  );
});

test("an overlay and a bind mount with mappings show files with the owners that they have for such a user namespace", async () => {
  await using dirs = await directories("lower", "upper", "work", "target", "bound");
  await writeFile(`${dirs.lower}/a`, "a");
  const mapped = ["uidmap=0:100000:65536", "gidmap=0:200000:65536"];
  const layers = [`lowerdir=${dirs.lower}`, `upperdir=${dirs.upper}`, `workdir=${dirs.work}`];
  const overlay = { type: "overlay", source: "overlay", options: [...mapped, ...layers] };
  await mountDescribed(overlay, dirs.target);
  await mountDescribed({ type: "bind", source: dirs.lower, options: [...mapped, "rbind"] }, dirs.bound);
  for (const path of [`${dirs.target}/a`, `${dirs.bound}/a`]) {
    const { uid, gid } = await stat(path);
    assert.deepEqual([uid, gid], [100_000, 200_000], path);
  }
});

test("one mapping without the other is for the kernel to refuse", async () => {
  await using dirs = await directories("lower", "upper", "work", "target");
  const layers = [`lowerdir=${dirs.lower}`, `upperdir=${dirs.upper}`, `workdir=${dirs.work}`];
  const overlay = { type: "overlay", source: "overlay", options: ["uidmap=0:1:1", ...layers] };
  await assert.rejects(mountDescribed(overlay, dirs.target), { errno: "EINVAL" });
});
