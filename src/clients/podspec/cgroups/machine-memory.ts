import { readdir } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { exists, ignoreGone } from "../../../ground/fs/index.ts";
import { cgroupLayout } from "../../../ground/linux/index.ts";

/** Properties of the machine that affect containers' limits. */
export type MachineMemory = {
  readonly bytes: number;
  /** Sizes of huge pages in the kernel, in bytes. */
  readonly hugePageSizes: readonly number[];
  /** How the kernel limits swap: memory and swap together, swap alone, or not at all. */
  readonly swap: "together" | "alone" | "none";
};

export async function machineMemory(): Promise<MachineMemory> {
  const names = (await readdir("/sys/kernel/mm/hugepages").catch(ignoreGone)) ?? [];
  const sizes = names.map((name) => Number(name.replace("hugepages-", "").replace("kB", "")) * 1024);
  return { bytes: totalmem(), hugePageSizes: sizes.filter((size) => size > 0), swap: await swapLimits() };
}

async function swapLimits(): Promise<MachineMemory["swap"]> {
  const layout = await cgroupLayout();
  if (layout === undefined) return "none";
  if (layout.kind !== "v2") {
    const root = layout.v1.get("memory");
    const counts = root !== undefined && (await exists(join(root, "memory.memsw.limit_in_bytes")));
    return counts ? "together" : "none";
  }
  // The root has no limit files, so any other existing cgroup is examined.
  for (const entry of await readdir(layout.v2.mountPoint, { withFileTypes: true }))
    if (entry.isDirectory() && (await exists(join(layout.v2.mountPoint, entry.name, "memory.swap.max"))))
      return "alone";
  return "none";
}
