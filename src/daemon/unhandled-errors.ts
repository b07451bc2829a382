import { exitAtOnce } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/** EX_SOFTWARE of sysexits(3). */
const internalError = 70;

/** Number of unhandled errors, and the last of them. */
export type UnhandledCount = {
  readonly count: number;
  readonly last?: { readonly at: string; readonly error: string };
};

/**
 * Unhandled errors: each is a bug in berth.
 *
 * An exception that nobody caught ends the daemon, with exit code 70: it left some function in the middle,
 * and what that function was about may be in no state that others expect. The service manager starts a new
 * one, which takes everything up from the disk. A promise that was rejected while nobody waited for it ends
 * nothing: whoever was to hear of it did not wait, so nothing was built on its success. It is logged and
 * counted.
 */
export class UnhandledErrors {
  #seen: UnhandledCount = { count: 0 };

  constructor(logger: Logger) {
    process.on("unhandledRejection", (reason) => {
      const error = reason instanceof Error ? reason : new Error(String(reason));
      this.#seen = {
        count: this.#seen.count + 1,
        last: { at: new Date().toISOString(), error: error.stack ?? error.message },
      };
      logger.error(
        { err: error, count: this.#seen.count },
        "unhandled error: this is a bug in berth, please report it",
      );
    });
    process.on("uncaughtException", (err) => {
      logger.fatal(
        { err },
        "uncaught error: this is a bug in berth, please report it. Shutting down; containers keep running",
      );
      // A thread that is blocked in a dead file system would keep Node from exiting.
      process.once("exit", exitAtOnce);
      process.exit(internalError);
    });
  }

  seen(): UnhandledCount {
    return this.#seen;
  }
}
