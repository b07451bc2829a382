import { flushCompileCache } from "node:module";
import { exitAtOnce } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/** For a last log line. */
const patienceMs = 1000;

/**
 * Ends the process even if threads are blocked in an unresponsive file system: such a call keeps Node
 * running, and Node's exit would wait for its thread. Exit handlers run before.
 */
export function endProcess(): void {
  flushCompileCache();
  process.once("exit", exitAtOnce);
  setTimeout(() => process.exit(), patienceMs).unref();
}

/** Less than the 90 seconds after which systemd kills the process, so that the log says what happened. */
const limitMs = 20_000;
const writingLogMs = 500;

/**
 * From now on, the daemon has twenty seconds for an orderly shutdown; then it exits as in a crash, from which
 * the next start recovers. Not with exit(3), which would wait for threads that may hang in the kernel.
 */
export function endInTime(logger: Logger): void {
  setTimeout(() => {
    logger.error(
      "shutdown took too long: exiting as in a crash; work in flight is recovered at the next start",
    );
    setTimeout(() => process.kill(process.pid, "SIGKILL"), writingLogMs);
  }, limitMs).unref();
}
