import { libcFunction } from "../libc.ts";

const exitCall = libcFunction("void _exit(int status)");

/**
 * Ends the process without another look at its threads: Node's own ways wait for all of them, and one that
 * the kernel holds in a dead file system never ends. Where the kernel lets nothing end such a call, the
 * process stays until it does.
 */
export function exitAtOnce(status: number): void {
  exitCall(status);
}
