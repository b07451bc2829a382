import { type CgroupLayout, cpuWeightOf } from "../../../ground/linux/index.ts";
import { cpuPeriodUs } from "./limits.ts";
import { type PodLimits, pageSizeName } from "./pod-limits.ts";

/** The files of a cgroup in one hierarchy. */
export type HierarchyFiles = {
  readonly root: string;
  readonly files: readonly (readonly [name: string, value: string])[];
  /** For cgroup v2, the controllers that the files need. */
  readonly controllers: readonly string[];
};

const v2Controllers = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/**
 * Translates limits to files of cgroups (https://docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1/).
 * For version 1, only hierarchies with limits are included: runtimes create the others themselves.
 */
export function filesOf(
  layout: CgroupLayout,
  limits: Partial<PodLimits> & Pick<PodLimits, "cpuShares">,
): readonly HierarchyFiles[] {
  const { cpuShares, cpuQuotaUs, memoryBytes, hugePages = new Map<number, number>() } = limits;
  if (layout.kind === "v2")
    return [
      {
        root: layout.v2.mountPoint,
        controllers: v2Controllers,
        files: [
          ["cpu.weight", String(cpuWeightOf(cpuShares))],
          ["cpu.max", `${cpuQuotaUs ?? "max"} ${cpuPeriodUs}`],
          ["memory.max", String(memoryBytes ?? "max")],
          ...[...hugePages].map(
            ([size, bytes]) => [`hugetlb.${pageSizeName(size)}.max`, String(bytes)] as const,
          ),
        ],
      },
    ];
  const v1 = (controller: string, files: HierarchyFiles["files"]): readonly HierarchyFiles[] => {
    const root = layout.v1.get(controller);
    return root === undefined ? [] : [{ root, files, controllers: [] }];
  };
  return [
    ...v1("cpu", [
      ["cpu.shares", String(cpuShares)],
      ["cpu.cfs_period_us", String(cpuPeriodUs)],
      ["cpu.cfs_quota_us", String(cpuQuotaUs ?? -1)],
    ]),
    ...v1("memory", [["memory.limit_in_bytes", String(memoryBytes ?? -1)]]),
    ...v1(
      "hugetlb",
      [...hugePages].map(
        ([size, bytes]) => [`hugetlb.${pageSizeName(size)}.limit_in_bytes`, String(bytes)] as const,
      ),
    ),
  ];
}
