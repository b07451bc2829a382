import type { CgroupUsage, UsagePart } from "./usage.ts";

/** What the thread is asked: cgroups by their paths in the hierarchies. */
export type ReadingsJob = {
  readonly paths: readonly string[];
  readonly parts: ReadonlySet<UsagePart>;
};

export type Readings = {
  /** In the order of the paths. */
  readonly usages: readonly (CgroupUsage | undefined)[];
  /** Why what is there could not be read. */
  readonly failures: readonly string[];
};
