import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * What containers can leave on a machine, by kind: one line each, in a form that stays the same from run to
 * run.
 */
export type HostState = Readonly<Record<string, ReadonlySet<string>>>;

/** Reads the machine's state as seen in this process's namespaces. */
export async function readHostState(): Promise<HostState> {
  const [mounts, links, rules, elements, cgroups, namespaces, processes] = await Promise.all([
    mountPoints(),
    // What a daemon has prepared belongs to no pod, and is removed by itself.
    lines("ip", ["-o", "link", "show"], /^\d+: ([^:@]+)(?!.*alias prepared by berth)/),
    // Rules and chains, but not those that the portmap plugin creates once and keeps for all pods.
    lines("iptables-save", [], /^(-A (?!.*CNI-HOSTPORT-(?:DNAT|MASQ|SETMARK)).*|:(?!CNI-HOSTPORT-)\S+ -)/),
    elementNotes(),
    cgroupDirectories("/sys/fs/cgroup"),
    readdir("/run/netns").catch(() => []),
    containerProcesses(),
  ]);
  return {
    mount: new Set(mounts),
    link: new Set(links),
    "iptables rule": new Set(rules),
    "nftables element of": new Set(elements),
    // The default parents of pods, and of Docker's containers, stay: removing them would race with the next
    // one.
    cgroup: new Set(cgroups.filter((path) => !/\/(?:berth|docker)$/.test(path))),
    "network namespace": new Set(namespaces),
    process: new Set(processes),
  };
}

/** What exists afterwards and did not before, as text; empty if nothing was left behind. */
export function leftBehind(before: HostState, after: HostState): readonly string[] {
  return Object.entries(after).flatMap(([kind, items]) =>
    [...items].filter((item) => before[kind]?.has(item) !== true).map((item) => `${kind} ${item}`),
  );
}

async function mountPoints(): Promise<readonly string[]> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  return text.split("\n").flatMap((line) => line.split(" ")[4] ?? []);
}

async function lines(command: string, args: readonly string[], pattern: RegExp): Promise<readonly string[]> {
  const { stdout } = await run(command, args);
  return stdout.split("\n").flatMap((line) => pattern.exec(line)?.[1]?.trim() ?? []);
}

/**
 * What is left once the kernel has removed everything that ended: waits up to ten seconds until that is
 * nothing.
 */
export async function leftovers(before: HostState): Promise<readonly string[]> {
  for (let tries = 0; ; tries++) {
    const after = await readHostState();
    const cgroup = await withoutOthers(after);
    const left = leftBehind(before, { ...after, cgroup });
    if (tries === 100 || left.length === 0) return left;
    await delay(100);
  }
}

/** Cgroups, except for those of programs that somebody else has started: they contain no process of ours. */
async function withoutOthers({ cgroup, process }: HostState): Promise<ReadonlySet<string>> {
  const ours = new Set([...(process ?? [])].map((item) => item.slice(0, item.indexOf(":"))));
  const kept = await Promise.all(
    [...(cgroup ?? [])].map(async (path) => {
      const text = await readFile(join(path, "cgroup.procs"), "utf8").catch(() => "");
      const pids = text.split("\n").filter((pid) => pid !== "");
      return pids.length === 0 || pids.some((pid) => ours.has(pid)) ? [path] : [];
    }),
  );
  return new Set(kept.flat());
}

/** The mounts and processes that belong to a directory: those of one daemon among several tests. */
export function concerning(directory: string, state: HostState): readonly string[] {
  return Object.values(state).flatMap((items) => [...items].filter((item) => item.includes(directory)));
}

/** Elements of berth's own table: the pod that each belongs to is named in its comment. */
async function elementNotes(): Promise<readonly string[]> {
  const { stdout } = await run("nft", ["list", "ruleset"]);
  return [...stdout.matchAll(/comment "([0-9a-f]{64} [^"]*)"/g)].map(([, note = ""]) => note);
}

/** Directories of the cgroup file systems; a container's has its id in the name. */
async function cgroupDirectories(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
  const below = await Promise.all(directories.map(cgroupDirectories));
  return [...directories, ...below.flat()];
}

/** Every daemon, registry and task of the tests has its files below a directory of this name. */
const mark = "berth-test-";

/**
 * Processes of this run or another: programs with such a directory in their arguments, and those whose root
 * file system is in one.
 */
async function containerProcesses(): Promise<readonly string[]> {
  const own = await readlink("/proc/self/ns/mnt");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
        if (command === "") return []; // A thread of the kernel's.
        const foreign = (await readlink(`/proc/${pid}/ns/mnt`)) !== own;
        const ours =
          command.includes(mark) ||
          (foreign && (await readFile(`/proc/${pid}/mountinfo`, "utf8")).includes(mark));
        return ours ? [`${pid}: ${command.slice(0, 200)}`] : [];
      } catch {
        return []; // It ended while it was looked at.
      }
    }),
  );
  return found.flat();
}
