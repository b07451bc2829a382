import { readdir } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { exists, ignoreGone } from "../../../ground/fs/index.ts";
import { cgroupLayout } from "../../../ground/linux/index.ts";

/** What containers' limits depend on besides what they ask for. */
export type MachineMemory = {
  readonly bytes: number;
  /** Sizes of huge pages that the kernel has, in bytes. */
  readonly hugePageSizes: readonly number[];
  /** How the kernel limits swap: for memory and swap together, for swap alone, or not at all. */
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
  // The root has no limits; a cgroup that is there on any machine with it tells.
  for (const entry of await readdir(layout.v2.mountPoint, { withFileTypes: true }))
    if (entry.isDirectory() && (await exists(join(layout.v2.mountPoint, entry.name, "memory.swap.max"))))
      return "alone";
  return "none";
}
