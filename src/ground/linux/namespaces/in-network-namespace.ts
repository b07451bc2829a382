import { closeSync, constants, openSync } from "node:fs";
import { enterNamespace, enterNamespaceAt, namespaceFile } from "./namespace-calls.ts";

/**
 * Runs `work` on the calling thread in the network namespace whose pin is at `netnsPath`, and returns to its
 * own. `work` must not wait. Sockets that it opens belong to that namespace. Throws LinuxError, or what
 * opening the path throws. If the thread cannot return, the process exits, since it would otherwise work for
 * everybody from there; the next daemon takes over.
 */
export function inNetworkNamespace<Result>(netnsPath: string, work: () => Result): Result {
  const home = openSync(namespaceFile("thread-self", "net"), constants.O_RDONLY);
  try {
    enterNamespaceAt(netnsPath, "net");
    try {
      return work();
    } finally {
      comeHome(home);
    }
  } finally {
    closeSync(home);
  }
}

function comeHome(home: number): void {
  try {
    enterNamespace(home, "net");
  } catch (error) {
    console.error("a thread cannot return to the host's network namespace:", error);
    process.abort();
  }
}
