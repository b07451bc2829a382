import { cpuWeightOf } from "../../../ground/linux/index.ts";
import type { CgroupUsage, Container } from "../../engine/index.ts";

/**
 * The figures with the CPU shares that the container asked for, while the kernel has the weight that comes of
 * them: with cgroup v2 a weight stands for several shares.
 */
export function withAskedShares<Usage extends Pick<CgroupUsage, "limits">>(
  usage: Usage | undefined,
  { resources }: Pick<Container, "resources">,
): Usage | undefined {
  const asked = resources?.cpuShares ?? 0n;
  if (usage?.limits === undefined || asked === 0n) return usage;
  const same = cpuWeightOf(Number(asked)) === cpuWeightOf(Number(usage.limits.cpuShares));
  return same ? { ...usage, limits: { ...usage.limits, cpuShares: asked } } : usage;
}
