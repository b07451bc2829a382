import { createHash } from "node:crypto";

const usualRoot = "/var/lib/berth";

/** Names of a daemon's objects in a network namespace that it may share with other daemons. */
export type InstanceNames = {
  /** The nf_tables table, family inet. */
  readonly table: string;
  /** The default network's bridge. */
  readonly bridge: string;
};

/**
 * The names for the daemon with that root directory: `berth` and `berth0` for the default one, and unique
 * names for every other root.
 */
export function instanceNames(root: string): InstanceNames {
  if (root === usualRoot) return { table: "berth", bridge: "berth0" };
  const hash = createHash("sha256").update(root).digest("hex").slice(0, 8);
  return { table: `berth_${hash}`, bridge: `berth-${hash}` };
}
