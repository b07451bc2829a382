import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { open, readdir, readFile, readlink, stat } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { until } from "../../../testing/until.ts";
import {
  connectInNamespace,
  isNamespacePin,
  mountInfo,
  NamespaceThread,
  type PodNamespacesRequest,
  unpinNamespaces,
} from "../index.ts";
import { check, libcFunction } from "../libc.ts";
import { ownNamespaces, pinDirectory } from "../testing/pins.ts";

const run = promisify(execFile);

const all = { net: true, ipc: true, uts: true, sysctls: {} };

async function threadNames(): Promise<readonly string[]> {
  const tasks = await readdir("/proc/self/task");
  const names = await Promise.all(
    tasks.map((task) => readFile(`/proc/self/task/${task}/comm`, "utf8").catch(() => "")),
  );
  return names.map((name) => name.trim());
}

/** How many this process has open. */
async function namespaceDescriptors(): Promise<number> {
  const files = await readdir("/proc/self/fd");
  const targets = await Promise.all(files.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => /^(net|ipc|uts):\[/.test(target)).length;
}

/** Runs a command inside a pod's namespaces. */
async function inside(directory: string, ...command: readonly string[]): Promise<string> {
  const entering = ["net", "ipc", "uts"].map((kind) => `--${kind}=${directory}/${kind}`);
  const { stdout } = await run("nsenter", [...entering, ...command]);
  return stdout.trim();
}

test("a pod's namespaces are new, pinned, and set up", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  const sysctls = {
    "net.ipv4.ip_unprivileged_port_start": "80",
    "kernel/shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "12",
  };
  const pins = await thread.createPodNamespaces({
    ...all,
    directory: directory.path,
    hostname: "web-0",
    sysctls,
  });
  assert.deepEqual(pins, {
    net: `${directory.path}/net`,
    ipc: `${directory.path}/ipc`,
    uts: `${directory.path}/uts`,
  });
  assert.equal(await inside(directory.path, "hostname"), "web-0");
  assert.match(await inside(directory.path, "ip", "-br", "addr"), /^lo +UNKNOWN +127\.0\.0\.1\/8 ::1\/128$/);
  const values = Object.keys(sysctls).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
  assert.equal(await inside(directory.path, "cat", ...values), "80\n1\n12");
  assert.equal((await stat(directory.path)).mode & 0o777, 0o700);
});

test("a thread that has nothing to do ends, and the next call gets a new one", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread({ idleMs: 1 });
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  await until(async () => !(await threadNames()).includes("namespaces"));
  await thread.unpinNamespaces(directory.path);
  assert.equal(await isNamespacePin(`${directory.path}/net`), false);
});

test("no thread of the process stays in a pod's namespaces", async () => {
  const before = await ownNamespaces();
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  await assert.rejects(connectInNamespace({ netnsPath: `${directory.path}/net`, host: "::1", port: 9 }), {
    code: "Unavailable",
  });
  assert.deepEqual(await ownNamespaces(), before);
});

test("only the namespaces that were asked for are made", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path, ipc: false, uts: false });
  assert.deepEqual(await readdir(directory.path), ["net"]);
});

test("namespaces that were made ahead become a pod's, set up as it asks, and leave no descriptor open", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  const before = await ownNamespaces();
  const known = await namespaceDescriptors();
  {
    using held = await thread.holdPodNamespaces();
    const netns = (await stat(held.path("net"))).ino;
    const sysctls = { "net.ipv4.ip_unprivileged_port_start": "80" };
    await thread.createPodNamespaces({ ...all, directory: directory.path, hostname: "ahead", sysctls }, held);
    assert.equal((await stat(`${directory.path}/net`)).ino, netns);
  }
  const setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  assert.equal(await inside(directory.path, "hostname"), "ahead");
  assert.equal(await inside(directory.path, "cat", setting), "80");
  assert.match(await inside(directory.path, "ip", "-br", "addr"), /^lo +UNKNOWN +127\.0\.0\.1\/8 ::1\/128$/);
  {
    using held = await thread.holdPodNamespaces();
    const refused = { ...all, directory: directory.path };
    await assert.rejects(thread.createPodNamespaces(refused, held), { code: "AlreadyExists" });
    held[Symbol.dispose]();
  }
  assert.deepEqual(await ownNamespaces(), before);
  // The thread itself has one of each kind of the host's open.
  assert.equal((await namespaceDescriptors()) - known, 3);
});

test("unpinning leaves nothing, and may be repeated", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  assert.equal(await isNamespacePin(`${directory.path}/net`), true);
  await unpinNamespaces(directory.path);
  await unpinNamespaces(directory.path);
  assert.deepEqual(await readdir(directory.parent), []);
  assert.equal(await isNamespacePin(`${directory.path}/net`), false);
});

const refused: readonly {
  readonly what: string;
  readonly request: Partial<PodNamespacesRequest>;
  readonly message: RegExp;
}[] = [
  {
    what: "of the host",
    request: { sysctls: { "kernel.panic": "1" } },
    message: /"kernel.panic".*not namespaced/,
  },
  {
    what: "that is the hostname",
    request: { sysctls: { "kernel.hostname": "x" } },
    message: /not namespaced/,
  },
  {
    what: "that leaves its directory",
    request: { sysctls: { "net/../kernel/panic": "1" } },
    message: /not the name of a kernel parameter/,
  },
  {
    what: "that leaves its directory by slashes between dots",
    request: { sysctls: { "net.//kernel.panic": "1" } },
    message: /not the name|ENOENT/,
  },
  {
    what: "of a namespace that is the host's",
    request: { ipc: false, sysctls: { "kernel.sem": "1" } },
    message: /shares the host's ipc/,
  },
  {
    what: "that the kernel does not have",
    request: { sysctls: { "net.ipv4.nothing": "1" } },
    message: /net\/ipv4\/nothing.*ENOENT/,
  },
  {
    what: "whose value the kernel refuses",
    request: { sysctls: { "net.ipv4.ip_forward": "maybe" } },
    message: /ip_forward.*"maybe".*EINVAL/,
  },
];

for (const { what, request, message } of refused) {
  test(`a sysctl ${what} is refused, and nothing stays pinned`, async () => {
    await using directory = await pinDirectory();
    await using thread = new NamespaceThread();
    const asked = thread.createPodNamespaces({ ...all, directory: directory.path, ...request });
    await assert.rejects(asked, { code: "InvalidArgument", message });
    assert.deepEqual(await readdir(directory.parent), []);
  });
}

test("pins of a pod that lives are not replaced", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path, hostname: "first" });
  await assert.rejects(thread.createPodNamespaces({ ...all, directory: directory.path }), {
    code: "AlreadyExists",
  });
  assert.equal(await inside(directory.path, "hostname"), "first");
});

test("a thread that cannot come home undoes its job and makes room for another thread", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  await unpinNamespaces(directory.path);
  await replaceDescriptorsOf("net");
  await assert.rejects(thread.createPodNamespaces({ ...all, directory: directory.path }), /namespace thread/);
  assert.deepEqual(await readdir(directory.parent), []);
  // Others mount in this namespace meanwhile.
  const pins = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(directory.parent));
  assert.deepEqual(pins, []);
  await thread.createPodNamespaces({ ...all, directory: directory.path, hostname: "again" });
  assert.equal(await inside(directory.path, "hostname"), "again");
});

const dup2 = libcFunction("int dup2(int from, int to)");

/**
 * Puts another file in place of the descriptors by which the thread would come home. They are not closed: the
 * thread does that itself when it ends, and by then their numbers could be somebody else's.
 */
async function replaceDescriptorsOf(kind: string): Promise<void> {
  await using other = await open("/dev/null");
  for (const fd of await readdir("/proc/self/fd")) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => "");
    if (target.startsWith(`${kind}:[`)) check("dup2", dup2(other.fd, Number(fd)), fd);
  }
}

test("counters of interfaces are those of each namespace, and of one that is gone there are none", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path, hostname: "counters" });
  const netnsPath = `${directory.path}/net`;
  await assert.rejects(connectInNamespace({ netnsPath, host: "127.0.0.1", port: 9 }), {
    code: "Unavailable",
  });
  const [pod, none] = await thread.networkCounters([netnsPath, `${directory.path}/gone`]);
  assert.equal(none, undefined);
  const loopback = pod?.find(({ name }) => name === "lo");
  assert.ok(loopback !== undefined && loopback.rxBytes > 0n && loopback.txPackets >= 2n);
  assert.equal((await ownNamespaces()).size, 3, "the thread is at home again");
});
