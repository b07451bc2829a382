import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { TestBerth } from "../berth.ts";

/**
 * Programs that the daemon runs for a while, of which it promises to survive every end. conmon is none: a
 * container's output and exit code end with it.
 */
const ociRuntimes = ["crun", "runc"];
const plugins = ["bridge", "host-local", "portmap", "loopback"];

/** `what`: its command line, and what CNI plugins are told in their environment. */
type Helper = { readonly pid: number; readonly what: string };

/** Sees the helpers of one daemon, and of no other on the machine, as they come by. */
export class Helpers {
  readonly #berth: TestBerth;
  #known = new Set(pids());

  constructor(berth: TestBerth) {
    this.#berth = berth;
  }

  /** Those that have come since the last look. Not asynchronous: some live for ten milliseconds. */
  come(): readonly Helper[] {
    const now = pids();
    const come = now.filter((pid) => !this.#known.has(pid));
    this.#known = new Set(now);
    const helpers = come.filter((pid) => this.#isHelper(pid));
    // One may have become a container's own process meanwhile, as runc's init does.
    return helpers.filter((pid) => isProgram(pid)).map((pid) => ({ pid, what: describe(pid) }));
  }

  /** A descendant of the daemon, or of a conmon or a shim of containerd that was told of its directory. */
  #isHelper(pid: number): boolean {
    const words = wordsOf(pid);
    const program = basename(words[0] ?? "");
    if (!ociRuntimes.includes(program) && words.join() === wordsOf(parentOf(pid)).join()) {
      // It has not become its program yet, and is looked at again. What plugins start are no helpers: of an
      // iptables that is killed the portmap plugin believes that the machine has none, leaves the rules, and
      // says that it has succeeded.
      this.#known.delete(pid);
      return false;
    }
    if (!isProgram(pid)) return false;
    for (let at = parentOf(pid); at > 1; at = parentOf(at)) {
      if (at === this.#berth.pid) return true;
      const above = wordsOf(at);
      if (/^conmon$|^containerd-shim/.test(basename(above[0] ?? "")))
        return above.some((word) => word.includes(this.#berth.directory));
    }
    return false;
  }
}

/** A shim of the containerd of a test's own Docker Engine, and its container. */
export type Shim = { readonly pid: number; readonly containerId: string };

/** The shims of that daemon's Docker Engine, in the order of their containers' ids. */
export function shimsOf({ directory }: TestBerth): readonly Shim[] {
  const shims = pids().flatMap((pid) => {
    const words = wordsOf(pid);
    if (!basename(words[0] ?? "").startsWith("containerd-shim")) return [];
    if (!words.some((word) => word.startsWith(`${directory}/`))) return [];
    return [{ pid, containerId: words[words.indexOf("-id") + 1] ?? "" }];
  });
  return shims.sort((a, b) => a.containerId.localeCompare(b.containerId));
}

/** Whether it runs a helper's program now. */
function isProgram(pid: number): boolean {
  return [...ociRuntimes, ...plugins].includes(basename(wordsOf(pid)[0] ?? ""));
}

function describe(pid: number): string {
  const told = read(pid, "environ")
    .split("\0")
    .filter((variable) => /^CNI_(COMMAND|CONTAINERID)=/.test(variable));
  return [...told, ...wordsOf(pid)].join(" ").trim();
}

function pids(): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0);
}

function wordsOf(pid: number): readonly string[] {
  return read(pid, "cmdline").split("\0");
}

function parentOf(pid: number): number {
  const stat = read(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}

/** Nothing of one that has ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
