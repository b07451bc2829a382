import type { Logger } from "../ground/logging/index.ts";

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
