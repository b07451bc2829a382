/**
 * berthd, from the sources, which is killed where a test wants it: when the file named by BERTH_CUT_FILE
 * contains the name of the next step, the file is removed and the process ends as in a crash, with nothing
 * flushed or undone. After the name and a newline, the file may have the pid of a process that is killed
 * instead, and is dead when the step starts.
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
