import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { unshareNamespaces } from "../../src/linux/namespace-calls.ts";

/**
 * Gives this test file, and all that it starts from now on, a network namespace of its own: for one that looks at all links and
 * rules of a machine, where others that run at the same time have theirs.
 */
export async function enterOwnNetwork(): Promise<void> {
  unshareNamespaces(["net"]);
  await promisify(execFile)("ip", ["link", "set", "lo", "up"]);
}
