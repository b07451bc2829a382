import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** A call that strace prints on two lines, because others came in between, counts once. */
const kinds = {
  fsyncs: /\bf(?:data)?sync\(/g,
  programs: /\bexecve(?:\(| resumed)[^\n]* = 0$/gm,
} as const;
export type Counts = Record<keyof typeof kinds, number>;

/** Work after a reply belongs to its call. */
const settleMs = 300;

/** strace(1) on a daemon and everything that it starts from now on. */
export class Trace implements AsyncDisposable {
  readonly #strace: ReturnType<typeof startStrace>;
  #text = "";

  private constructor(strace: ReturnType<typeof startStrace>) {
    this.#strace = strace;
    strace.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
  }

  static async of(pid: number): Promise<Trace> {
    const trace = new Trace(startStrace(pid));
    while (!trace.#text.includes("attached")) await delay(50);
    await delay(settleMs);
    return trace;
  }

  /** Counts what the daemon does from the start of `work` until shortly after its end. */
  async during(work: () => Promise<void>): Promise<Counts> {
    this.#text = "";
    await work();
    await delay(settleMs);
    const count = (kind: RegExp) => [...this.#text.matchAll(kind)].length;
    return { fsyncs: count(kinds.fsyncs), programs: count(kinds.programs) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#strace, "exit");
    this.#strace.kill("SIGINT");
    await exited;
  }
}

function startStrace(pid: number) {
  const calls = ["-e", "trace=fsync,fdatasync,execve", "-e", "signal=none"];
  return spawn("strace", ["-f", ...calls, "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
}
