import { readFileSync } from "node:fs";
import { enterNamespaceAt } from "./namespaces/namespace-calls.ts";

/** Traffic counters of a network interface. */
export type InterfaceCounters = {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
};

/**
 * The counters of the interfaces in each of several network namespaces; undefined for a namespace that is no
 * longer pinned there. The calling thread is left in the last one.
 */
export function readNetworkCounters(
  netnsPaths: readonly string[],
): readonly (readonly InterfaceCounters[] | undefined)[] {
  return netnsPaths.map((path) => {
    try {
      enterNamespaceAt(path, "net");
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    return parseNetDev(readFileSync("/proc/thread-self/net/dev", "latin1"));
  });
}

/** ENOENT: the path does not exist; EINVAL: it is only the file over which the namespace was mounted. */
function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const errno = "errno" in error && typeof error.errno === "string" ? error.errno : undefined;
  const code = "code" in error ? error.code : undefined;
  return code === "ENOENT" || errno === "EINVAL";
}

/**
 * /proc/net/dev: under two lines of headings `NAME: 8 figures of what was received, 8 of what was sent`
 * (proc_net(5)).
 */
export function parseNetDev(text: string): readonly InterfaceCounters[] {
  return text.split("\n").flatMap((line) => {
    const [, name, figures] = /^\s*(.+):((?:\s+\d+){16})\s*$/.exec(line) ?? [];
    if (name === undefined || figures === undefined) return [];
    const [rxBytes = 0n, rxPackets = 0n, rxErrors = 0n, rxDropped = 0n, , , , , ...sent] = figures
      .trim()
      .split(/\s+/)
      .map(BigInt);
    const [txBytes = 0n, txPackets = 0n, txErrors = 0n, txDropped = 0n] = sent;
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}
