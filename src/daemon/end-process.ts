import { flushCompileCache } from "node:module";
import { exitAtOnce } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/** For a last line of the log on its way. */
const patienceMs = 1000;

/**
 * Lets the process end, also with threads that the kernel holds in a file system that does not answer: such a
 * call keeps Node running, and Node's exit would wait for its thread. What else is to be done at the exit is
 * done before.
 */
export function endProcess(): void {
  flushCompileCache();
  process.once("exit", exitAtOnce);
  setTimeout(() => process.exit(), patienceMs).unref();
}

/** Less than the 90 seconds after which systemd kills, so that the log says what happened. */
const limitMs = 20_000;
const writingLogMs = 500;

/**
 * From now on the daemon has twenty seconds to end in order; then it ends as by a crash, which it is made
 * for: what was under way is taken back or gone on with at the next start. Not by exit(3), which would wait
 * for threads that may hang in the kernel.
 */
export function endInTime(logger: Logger): void {
  setTimeout(() => {
    logger.error(
      "shutdown took too long: exiting as in a crash; work in flight is recovered at the next start",
    );
    setTimeout(() => process.kill(process.pid, "SIGKILL"), writingLogMs);
  }, limitMs).unref();
}
