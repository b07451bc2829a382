import { join } from "node:path";
import { nowNs } from "../../../ground/clock/index.ts";
import type { InterfaceCounters, NamespaceThread } from "../../../ground/linux/index.ts";
import { defaultInterface } from "../../../services/network/index.ts";
import type { NetworkStats, Sandbox } from "../../engine/index.ts";
import { sharesHostNetwork } from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";

/** Interface counters of those sandboxes that have a network of their own, by id. */
export async function networkStats(
  sandboxes: readonly Pick<Sandbox, "id" | "config">[],
  stateDir: string,
  namespaceThread: NamespaceThread,
): Promise<ReadonlyMap<string, NetworkStats>> {
  const own = sandboxes.filter(({ config }) => !sharesHostNetwork(config));
  if (own.length === 0) return new Map();
  const paths = own.map(({ id }) => join(sandboxPaths(stateDir, id).namespaces, "net"));
  const counters = await namespaceThread.networkCounters(paths);
  const atNs = nowNs();
  return new Map(
    own.flatMap(({ id }, index) => {
      const interfaces = counters[index];
      return interfaces === undefined ? [] : [[id, podNetwork(interfaces, atNs)] as const];
    }),
  );
}

function podNetwork(counters: readonly InterfaceCounters[], atNs: bigint): NetworkStats {
  const interfaces = counters.filter(({ name }) => name !== "lo");
  const found = interfaces.some(({ name }) => name === defaultInterface);
  return { atNs, defaultInterface: found ? defaultInterface : interfaces[0]?.name, interfaces };
}
