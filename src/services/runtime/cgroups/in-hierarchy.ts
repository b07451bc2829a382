import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";

/**
 * The directory in another v1 hierarchy of the cgroup that has this one in memory's: a container's has the
 * same path in all. Undefined where one of the two is not mounted.
 */
export function inHierarchyOf(
  { v1 }: Exclude<CgroupLayout, { readonly kind: "v2" }>,
  controller: string,
  directory: string,
): string | undefined {
  const [memory, other] = [v1.get("memory"), v1.get(controller)];
  if (memory === undefined || other === undefined || !directory.startsWith(memory)) return undefined;
  return join(other, directory.slice(memory.length));
}
