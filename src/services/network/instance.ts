import { createHash } from "node:crypto";

const usualRoot = "/var/lib/berth";

/** What a daemon calls its own in a network namespace that it may share with another daemon. */
export type InstanceNames = {
  /** Of the table of nf_tables, family inet. */
  readonly table: string;
  /** Of the default network's bridge. */
  readonly bridge: string;
};

/**
 * The names of the daemon with that root directory, of which there is one at a time: `berth` and `berth0` for
 * the usual one, and for each other root names that no other root has.
 */
export function instanceNames(root: string): InstanceNames {
  if (root === usualRoot) return { table: "berth", bridge: "berth0" };
  const hash = createHash("sha256").update(root).digest("hex").slice(0, 8);
  return { table: `berth_${hash}`, bridge: `berth-${hash}` };
}
