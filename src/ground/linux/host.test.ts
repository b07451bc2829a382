import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import {
  type CgroupLayout,
  cgroupLayout,
  delegatesCgroups,
  isAlive,
  isAtLeast,
  kernelRelease,
  killProcessTree,
  mountInfo,
  parseMountInfo,
  processCapabilities,
  processStartTime,
  signalName,
  signalNumber,
} from "./index.ts";

const run = promisify(execFile);

function pidOf(child: ChildProcess): number {
  assert.ok(child.pid);
  return child.pid;
}

test("a process is alive under its start time until it exits, also while nobody has waited for it", async () => {
  const child = spawn("sh", ["-c", "sleep 0 & exec sleep 1000"], { stdio: "ignore" });
  const ended = once(child, "exit");
  const pid = pidOf(child);
  const startTime = await processStartTime(pid);
  assert.ok(startTime);
  assert.equal(await isAlive(pid, startTime), true);
  assert.equal(await isAlive(pid, startTime + 1), false);
  child.kill("SIGKILL");
  await ended;
  assert.equal(await isAlive(pid, startTime), false);
  assert.equal(await processStartTime(pid), undefined);
});

test("a process tree is killed to its leaves", async () => {
  const script = "sh -c 'sleep 1000 & sleep 1000 & wait' & sh -c 'sleep 1000 & wait' & wait";
  const child = spawn("sh", ["-c", script], { stdio: "ignore", detached: true });
  const ended = once(child, "exit");
  const pid = pidOf(child);
  const tree = () =>
    run("pgrep", ["--session", `${pid}`]).then(
      ({ stdout }) => stdout.trim().split("\n"),
      () => [],
    );
  try {
    await until(async () => (await tree()).length === 6);
    await killProcessTree(pid);
    await ended;
    await until(async () => (await tree()).length === 0);
    await killProcessTree(pid);
  } finally {
    await run("pkill", ["-KILL", "--session", `${pid}`]).catch(() => undefined);
  }
});

test("signals are known by name, short name, number and as real-time ones", () => {
  const numbers = [
    "SIGTERM",
    "term",
    "15",
    "SIGRTMIN+3",
    "RTMAX-1",
    "rtmin",
    "SIGNOTHING",
    "0",
    "65",
    "RTMIN+31",
  ];
  assert.deepEqual(numbers.map(signalNumber), [
    15,
    15,
    15,
    37,
    63,
    34,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual([15, 34, 37, 64, 99].map(signalName), [
    "SIGTERM",
    "SIGRTMIN",
    "SIGRTMIN+3",
    "SIGRTMIN+30",
    "signal 99",
  ]);
});

test("the cgroup layout takes no notice of hierarchies that somebody mounts once more", async () => {
  await using directory = await tempDir();
  const module = new URL("./cgroup-layout.ts", import.meta.url).pathname;
  const show = `import { cgroupLayout } from ${JSON.stringify(module)};
const { kind, v1 = [], v2 } = await cgroupLayout();
console.log(JSON.stringify([kind, [...v1], v2?.mountPoint]));`;
  const node = [process.execPath, "--input-type=module", "--eval", show];
  const before = await cgroupLayout();
  const again =
    before?.kind === "v2"
      ? ["-t", "cgroup2"]
      : ["-t", "cgroup", "-o", [...(before?.v1.keys() ?? [])][0] ?? ""];
  const script = `mount "$1" "$2" "$3" "$4" none ${directory.path} && shift 4 && exec "$@"`;
  const words = again.length === 2 ? [...again, "-o", "rw"] : again;
  const plain = await run(node[0] ?? "", node.slice(1));
  const beside = await run("unshare", ["--mount", "--cgroup", "sh", "-c", script, "sh", ...words, ...node]);
  assert.equal(beside.stdout, plain.stdout);
});

test("cgroups are delegated with cgroup v2 alone, and with its option nsdelegate", () => {
  const v1 = "30 29 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
  const v2 = (options: string) => `31 29 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 ${options}`;
  const delegates = (kind: CgroupLayout["kind"], ...lines: readonly string[]) =>
    delegatesCgroups(kind, parseMountInfo(lines.join("\n")));
  assert.equal(delegates("v2", v2("rw,nsdelegate,memory_recursiveprot")), true);
  assert.equal(delegates("v2", v2("rw,memory_recursiveprot")), false);
  assert.equal(delegates("hybrid", v1, v2("rw,nsdelegate")), false, "v1 holds the controllers");
  assert.equal(delegates("v1", v1), false);
});

test("the cgroup layout agrees with the kernel's own list", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout);
  const v1 = layout.kind === "v2" ? [] : [...layout.v1.keys()].filter((name) => !name.startsWith("name="));
  const v2 = layout.kind === "v1" ? [] : layout.v2.controllers;
  const known = (await readFile("/proc/cgroups", "utf8"))
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t")[0]);
  assert.ok(
    v1.every((name) => known.includes(name)),
    `${v1}`,
  );
  assert.equal(
    v1.some((name) => v2.includes(name)),
    false,
  );
  assert.ok([...v1, ...v2].includes("memory"));
});

test("capabilities agree with what setpriv says of the same process", async () => {
  const { effective, bounding } = await processCapabilities();
  assert.ok(effective.has("CAP_SYS_ADMIN"));
  const { stdout } = await run("setpriv", ["--dump"]);
  const list = /^Capability bounding set: (.*)$/m.exec(stdout)?.[1]?.split(",") ?? [];
  assert.deepEqual([...bounding].sort(), list.map((name) => `CAP_${name.toUpperCase()}`).sort());
});

test("kernel releases compare by number", () => {
  const kernel = { text: "6.1.0-18-amd64", major: 6, minor: 1 };
  assert.deepEqual(
    [isAtLeast(kernel, 5, 12), isAtLeast(kernel, 6, 1), isAtLeast(kernel, 6, 2)],
    [true, true, false],
  );
  assert.equal(kernelRelease().text.startsWith(`${kernelRelease().major}.${kernelRelease().minor}`), true);
});

test("the mounts of one type are those among all", async () => {
  const all = await mountInfo();
  assert.deepEqual(
    await mountInfo({ type: "proc" }),
    all.filter(({ type }) => type.startsWith("proc")),
  );
  assert.notEqual(all.length, 0);
});
