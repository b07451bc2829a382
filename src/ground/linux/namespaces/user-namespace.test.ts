import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import {
  bindMount,
  hostIdOf,
  type IdMappings,
  isNamespacePin,
  mountInfo,
  mountMappedSnapshot,
  NamespaceThread,
  unmount,
  unpinNamespaces,
} from "../index.ts";

// For its mount namespace: what a test mounts is nobody else's.
await enterPrivateNetwork();

const run = promisify(execFile);
const mappings: IdMappings = {
  uids: [{ containerId: 0, hostId: 100_000, length: 65_536 }],
  gids: [{ containerId: 0, hostId: 200_000, length: 65_536 }],
};

/** A pod's namespaces with a user namespace, in a directory of their own with room beside it. */
async function mappedPod(sysctls: Readonly<Record<string, string>> = {}) {
  await using resources = new AsyncDisposableStack();
  const parent = resources.use(await tempDir()).path;
  // Root of a user namespace is anybody here.
  await chmod(parent, 0o711);
  const thread = resources.use(new NamespaceThread());
  const pins = `${parent}/ns`;
  resources.defer(() => unpinNamespaces(pins));
  resources.defer(async () => {
    const inside = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(`${parent}/m`));
    for (const { mountPoint } of inside.toReversed()) await unmount(mountPoint, { detach: true });
  });
  const request = { directory: pins, net: true, ipc: true, uts: true, user: mappings };
  await thread.createPodNamespaces({ ...request, hostname: "web-0", sysctls });
  const moved = resources.move();
  return { pins, parent, thread, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** Runs a command as root of a pod's user namespace, in its other namespaces. */
async function inside(pins: string, ...command: readonly string[]): Promise<string> {
  const entering = ["user", "net", "ipc", "uts"].map((kind) => `--${kind}=${pins}/${kind}`);
  const { stdout } = await run("nsenter", [...entering, "--setuid=0", "--setgid=0", ...command]);
  return stdout.trim();
}

test("a user namespace maps ids, owns the pod's other namespaces, and needs no process", async () => {
  await using pod = await mappedPod({ "net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmni": "77" });
  assert.equal(
    (await inside(pod.pins, "cat", "/proc/self/uid_map")).replaceAll(/ +/g, " "),
    "0 100000 65536",
  );
  assert.equal(
    (await inside(pod.pins, "cat", "/proc/self/gid_map")).replaceAll(/ +/g, " "),
    "0 200000 65536",
  );
  assert.match(await inside(pod.pins, "ip", "-br", "addr"), /^lo +UNKNOWN/);
  const values = ["net/ipv4/ip_unprivileged_port_start", "kernel/shmmni"].map((name) => `/proc/sys/${name}`);
  assert.equal(await inside(pod.pins, "cat", ...values), "80\n77");
  // Only a namespace's owner may do these.
  await inside(pod.pins, "ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
  await inside(pod.pins, "hostname", "renamed");
  assert.equal(await inside(pod.pins, "hostname"), "renamed");
  const { stdout } = await run("lsns", ["--noheadings", "--output", "PID,PATH", "--type", "user"]);
  assert.ok(!stdout.includes("cat"), stdout);
  await unpinNamespaces(pod.pins);
  assert.deepEqual(await readdir(pod.parent), []);
});

test("ids that cannot be mapped are refused, and nothing stays", async () => {
  await using parent = await tempDir();
  await using thread = new NamespaceThread();
  const twice = [...mappings.uids, ...mappings.uids];
  const request = { directory: `${parent.path}/ns`, net: true, ipc: false, uts: false, sysctls: {} };
  await assert.rejects(thread.createPodNamespaces({ ...request, user: { ...mappings, uids: twice } }), {
    code: "InvalidArgument",
    message: /uid_map.*EINVAL/,
  });
  assert.deepEqual(await readdir(parent.path), []);
});

test("a failure after the user namespace was made leaves no pin", async () => {
  await using parent = await tempDir();
  await using thread = new NamespaceThread();
  const directory = `${parent.path}/ns`;
  const sysctls = { "net.ipv4.ip_forward": "maybe" };
  const asked = thread.createPodNamespaces({
    directory,
    net: true,
    ipc: true,
    uts: true,
    user: mappings,
    sysctls,
  });
  await assert.rejects(asked, { code: "InvalidArgument" });
  assert.equal(await isNamespacePin(`${directory}/user`), false);
  assert.deepEqual(await readdir(parent.path), []);
});

test("a bind mount can show its files as a user namespace's own", async () => {
  await using pod = await mappedPod();
  const [source, target] = [`${pod.parent}/source`, `${pod.parent}/mapped`];
  await Promise.all([mkdir(source), mkdir(target)]);
  await writeFile(`${source}/file`, "");
  await chown(`${source}/file`, 1000, 1001);
  await bindMount(source, target, { idmap: `${pod.pins}/user` });
  const { uid, gid } = await stat(`${target}/file`);
  assert.deepEqual([uid, gid], [101_000, 201_001]);
  await inside(pod.pins, "sh", "-c", `echo text > ${target}/new`);
  const written = await stat(`${source}/new`);
  assert.deepEqual([written.uid, written.gid, await readFile(`${source}/new`, "utf8")], [0, 0, "text\n"]);
});

test("a file system without ID-mapped mounts is an error that says so", async () => {
  await using pod = await mappedPod();
  await mkdir(`${pod.parent}/mapped`);
  await assert.rejects(bindMount("/proc", `${pod.parent}/mapped`, { idmap: `${pod.pins}/user` }), {
    code: "FailedPrecondition",
    message: /\/proc: its file system has no ID-mapped mounts/,
  });
});

test("an overlay shows its layers' files as a user namespace's own, and lets its root change them", async () => {
  await using pod = await mappedPod();
  const layers = `${pod.parent}/layers`;
  const [upper, work, target] = [`${layers}/3/fs`, `${layers}/3/work`, `${pod.parent}/mounted`];
  for (const path of [`${layers}/1/fs`, `${layers}/2/fs`, upper, work])
    await mkdir(path, { recursive: true });
  await mkdir(target);
  await writeFile(`${layers}/1/fs/below`, "");
  await chown(`${layers}/1/fs/below`, 0, 50);
  await writeFile(`${layers}/2/fs/above`, "");
  await chown(`${layers}/2/fs/above`, 1000, 1000);
  const overlay = {
    type: "overlay",
    upper: { directory: upper, work },
    lower: [`${layers}/2/fs`, `${layers}/1/fs`],
    options: ["index=off"],
  } as const;
  await mountMappedSnapshot([overlay], target, {
    userNamespace: `${pod.pins}/user`,
    owner: { uid: 100_000, gid: 200_000 },
    layers,
    scratch: `${pod.parent}/scratch`,
  });
  const owners = async (name: string) => {
    const { uid, gid } = await stat(`${target}/${name}`);
    return [uid, gid];
  };
  assert.deepEqual(await owners("."), [100_000, 200_000]);
  assert.deepEqual(await owners("below"), [100_000, 200_050]);
  assert.deepEqual(await owners("above"), [101_000, 201_000]);
  await inside(pod.pins, "sh", "-c", `cd ${target} && rm above && chown 5:6 below && echo new > new`);
  assert.deepEqual(await owners("below"), [100_005, 200_006]);
  assert.deepEqual(await owners("new"), [100_000, 200_000]);
  assert.deepEqual((await readdir(target)).sort(), ["below", "new"]);
  assert.equal((await stat(`${layers}/1/fs/below`)).uid, 0);
  assert.deepEqual((await readdir(pod.parent)).sort(), ["layers", "mounted", "ns"]);
});

test("ids are found in a mapping, or not", () => {
  const two = [...mappings.uids, { containerId: 70_000, hostId: 5, length: 1 }];
  assert.deepEqual(
    [0, 65_535, 65_536, 70_000].map((id) => hostIdOf(two, id)),
    [100_000, 165_535, undefined, 5],
  );
});
