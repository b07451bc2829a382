import { flushCompileCache } from "node:module";
import { exitAtOnce } from "../ground/linux/index.ts";

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
