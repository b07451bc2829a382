import { join } from "node:path";
import { readIfThere } from "../../../ground/fs/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * Throws RuntimeError FailedPrecondition for a limit below the memory that is in use and cannot be given
 * back: cgroup v2 would kill the container's processes, v1 would refuse with EBUSY. Pages of files count for
 * nothing, as the kernel drops them first.
 */
export async function checkMemoryLimit(
  cgroupDir: string | undefined,
  limit: number | undefined,
): Promise<void> {
  if (cgroupDir === undefined || limit === undefined || limit < 0) return;
  const used = await memoryInUse(cgroupDir);
  if (used <= limit) return;
  throw new RuntimeError(
    "FailedPrecondition",
    `resources.memory_limit_in_bytes: ${limit} is less than the ${used} bytes that the container's processes use now`,
  );
}

async function memoryInUse(cgroupDir: string): Promise<number> {
  const [v2, v1, stat] = await Promise.all(
    ["memory.current", "memory.usage_in_bytes", "memory.stat"].map((name) =>
      // Each version has its own files, and a cgroup that is gone none.
      readIfThere(join(cgroupDir, name)),
    ),
  );
  return Number(v2 || v1 || 0) - filePages(stat ?? "");
}

/** In v1 the counts of a cgroup with those below it begin with `total_`; in v2 all do so without saying. */
function filePages(stat: string): number {
  const count = (name: string) =>
    Number(new RegExp(`^total_${name} (\\d+)$`, "m").exec(stat)?.[1] ?? countV2(stat, name));
  return count("active_file") + count("inactive_file");
}

function countV2(stat: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
}
