import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { TestBerth } from "../berth.ts";

/**
 * Programs that the daemon runs for a while, of which it promises to survive every end. conmon is none: a container's output
 * and exit code end with it.
 */
const helperPrograms = ["crun", "runc", "bridge", "host-local", "portmap", "loopback"];

/** Sees the helpers of one daemon, and of no other on the machine, as they come by. */
export class Helpers {
  readonly #berth: TestBerth;
  #known = new Set(pids());

  constructor(berth: TestBerth) {
    this.#berth = berth;
  }

  /** Pids of those that have come since the last look. Not asynchronous: some live for ten milliseconds. */
  come(): readonly number[] {
    const now = pids();
    const come = now.filter((pid) => !this.#known.has(pid));
    this.#known = new Set(now);
    return come.filter((pid) => this.#isHelper(pid));
  }

  /** A descendant of the daemon, or of a conmon that was told of its directory. */
  #isHelper(pid: number): boolean {
    const [program = ""] = wordsOf(pid);
    // A process that has not become its program yet is looked at again.
    if (basename(program) === "berthd" || program === process.execPath) this.#known.delete(pid);
    if (!helperPrograms.includes(basename(program)) || isDeletingNetwork(pid)) return false;
    for (let at = parentOf(pid); at > 1; at = parentOf(at)) {
      if (at === this.#berth.pid) return true;
      const words = wordsOf(at);
      if (basename(words[0] ?? "") === "conmon")
        return words.some((word) => word.includes(this.#berth.directory));
    }
    return false;
  }
}

/**
 * CNI's bridge plugin takes a pod's rules back by the addresses of its link, which it has deleted just before: killed in
 * between it leaves them, and its next DEL finds nothing to do.
 */
function isDeletingNetwork(pid: number): boolean {
  return read(pid, "environ").split("\0").includes("CNI_COMMAND=DEL");
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
