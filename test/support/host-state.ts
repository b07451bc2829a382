import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What containers can leave on a machine, by kind: one line each, in words that stay the same from run to run. */
export type HostState = Readonly<Record<string, ReadonlySet<string>>>;

/** Reads the machine's state as this process's namespaces show it. */
export async function readHostState(): Promise<HostState> {
  const [mounts, links, rules, cgroups, namespaces, processes] = await Promise.all([
    mountPoints(),
    lines("ip", ["-o", "link", "show"], /^\d+: ([^:@]+)/),
    lines("iptables-save", [], /^(-A .*|:\S+)/),
    cgroupDirectories("/sys/fs/cgroup"),
    readdir("/run/netns").catch(() => []),
    containerProcesses(),
  ]);
  return {
    mount: new Set(mounts),
    link: new Set(links),
    "iptables rule": new Set(rules),
    cgroup: new Set(cgroups),
    "network namespace": new Set(namespaces),
    process: new Set(processes),
  };
}

/** What is there after and was not before, in words; empty when nothing was left behind. */
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

/** The mounts and processes that have to do with a directory: what one daemon of several tests has. */
export function concerning(directory: string, state: HostState): readonly string[] {
  return Object.values(state).flatMap((items) => [...items].filter((item) => item.includes(directory)));
}

/** Directories of the cgroup file systems; a container's has its id in the name. */
async function cgroupDirectories(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
  const below = await Promise.all(directories.map(cgroupDirectories));
  return [...directories, ...below.flat()];
}

const programs = ["conmon", "crun", "runc", "catatonit", "berthd", "docker-registry"];

/** Programs that berth starts, and processes inside another PID namespace than ours. */
async function containerProcesses(): Promise<readonly string[]> {
  const own = await readlink("/proc/self/ns/pid");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
        const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
        const foreign = (await readlink(`/proc/${pid}/ns/pid`)) !== own;
        return programs.includes(name) || foreign ? [`${pid}: ${command.slice(0, 200) || name}`] : [];
      } catch {
        return []; // It ended while it was looked at.
      }
    }),
  );
  return found.flat();
}
