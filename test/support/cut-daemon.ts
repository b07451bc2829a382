/**
 * berthd, from the sources, that is killed where a test wants it: when the file that BERTH_CUT_FILE names
 * holds the name of the step that comes next, it is removed and the process ends as by a crash, with nothing
 * flushed or taken back. Behind the name, after a newline, may be the process that is to be killed in its
 * place, and is dead when the step begins.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { run } from "../../src/daemon/run.ts";

const file = process.env.BERTH_CUT_FILE ?? "";
const clock = new Int32Array(new SharedArrayBuffer(4));

await run(process.argv.slice(2), {
  observer: (step) => {
    const [name, pid = process.pid] = wanted()?.split("\n") ?? [];
    if (name !== step) return;
    rmSync(file);
    // The next one loads in half the time.
    flushCompileCache();
    process.kill(Number(pid), "SIGKILL");
    while (isAlive(Number(pid))) Atomics.wait(clock, 0, 0, 1);
  },
});

function wanted(): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** The first thread may be a zombie while others still hold its connections. */
function isAlive(pid: number): boolean {
  try {
    if (readdirSync(`/proc/${pid}/task`).length > 1) return true;
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return false;
  }
}
