import type { CgroupUsage, Pressure } from "../../../engines/engine/index.ts";
import {
  type ContainerGroup,
  type ContainerSubject,
  type Family,
  one,
  secondsOfNs,
  value,
} from "./family.ts";

type Pressures = NonNullable<CgroupUsage["pressure"]>;

/** Seconds in which some of its tasks waited, and in which all of them did. */
function ofResource(
  resource: keyof Pressures,
  word: string,
): readonly [Family<ContainerSubject>, Family<ContainerSubject>] {
  const seconds = ({ stats }: ContainerSubject, line: keyof Pressure) => {
    const pressure = stats.usage?.pressure?.[resource];
    return pressure && secondsOfNs(pressure[line].totalUs * 1000n);
  };
  return [
    one(
      `container_pressure_${resource}_waiting_seconds_total`,
      "counter",
      `Time for which tasks of the container waited for ${word}, in seconds.`,
      (subject) => seconds(subject, "some"),
    ),
    one(
      `container_pressure_${resource}_stalled_seconds_total`,
      "counter",
      `Time for which every task of the container was stalled on ${word}, in seconds.`,
      (subject) => seconds(subject, "full"),
    ),
  ];
}

export const pressureGroup: ContainerGroup = {
  group: "pressure",
  parts: ["pressure"],
  families: [...ofResource("cpu", "CPU time"), ...ofResource("memory", "memory"), ...ofResource("io", "I/O")],
};

export const hugetlbGroup: ContainerGroup = {
  group: "hugetlb",
  parts: ["hugepages"],
  families: [
    {
      name: "container_hugetlb_usage_bytes",
      type: "gauge",
      help: "Huge pages in use, in bytes.",
      labels: ["pagesize"],
      values: ({ stats }) =>
        (stats.usage?.hugepages ?? []).flatMap(({ pageSize, usageBytes }) => value([pageSize], usageBytes)),
    },
    {
      name: "container_hugetlb_max_usage_bytes",
      type: "gauge",
      help: "The most huge pages ever in use, in bytes.",
      labels: ["pagesize"],
      values: ({ stats }) =>
        (stats.usage?.hugepages ?? []).flatMap(({ pageSize, maxUsageBytes }) =>
          value([pageSize], maxUsageBytes),
        ),
    },
  ],
};
