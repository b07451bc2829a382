import { messageOf } from "../../ground/errors/index.ts";
import type { CgroupReader } from "./cgroup-reader.ts";
import type { CgroupUsage, UsagePart } from "./usage.ts";

/** Cgroups by their paths in the hierarchies. */
export type ReadingsJob = {
  readonly paths: readonly string[];
  readonly parts: ReadonlySet<UsagePart>;
};

export type Readings = {
  /** In the order of the paths. */
  readonly usages: readonly (CgroupUsage | undefined)[];
  /** Why existing cgroups could not be read. */
  readonly failures: readonly string[];
};

/**
 * Reads one cgroup after the other; the caller may pause between two. An error in one does not affect the
 * others.
 */
export function* readCgroups(
  reader: CgroupReader,
  { paths, parts }: ReadingsJob,
): Generator<undefined, Readings> {
  const failures: string[] = [];
  const usages: (CgroupUsage | undefined)[] = [];
  for (const path of paths) {
    try {
      usages.push(reader.read(path, parts));
    } catch (error) {
      failures.push(messageOf(error));
      usages.push(undefined);
    }
    yield;
  }
  return { usages, failures };
}
