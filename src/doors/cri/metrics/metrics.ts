import type {
  ContainerStats,
  FileSystemStats,
  SandboxStats,
  UsagePart,
} from "../../../engines/engine/index.ts";
import * as cri from "../../../ground/protocol/index.ts";
import { cpuGroup, memoryGroup, oomGroup } from "./cpu-memory.ts";
import { diskGroup, diskIoGroup } from "./disk.ts";
import {
  type ContainerGroup,
  type ContainerSubject,
  type Family,
  type MetricGroup,
  one,
  secondsOfNs,
} from "./family.ts";
import { networkGroup } from "./network.ts";
import { hugetlbGroup, pressureGroup } from "./pressure-hugetlb.ts";
import { processGroup, specGroup, tasksGroup } from "./process-spec.ts";

/** Labels that identify the container or pod, as the kubelet adds them to cAdvisor's metrics. */
const ownerLabels = ["container", "id", "image", "name", "namespace", "pod"] as const;

type Owner = Readonly<Record<(typeof ownerLabels)[number], string>>;

const containerGroups: readonly ContainerGroup[] = [
  cpuGroup,
  memoryGroup,
  oomGroup,
  diskGroup,
  diskIoGroup,
  processGroup,
  tasksGroup,
  specGroup,
  pressureGroup,
  hugetlbGroup,
];

/** In no group: it shows that the container exists. */
const lastSeen: Family<ContainerSubject> = one(
  "container_last_seen",
  "gauge",
  "When the container was last seen, in seconds since 1970.",
  ({ stats }) => secondsOfNs(stats.usage?.atNs),
);

export function metricDescriptors(groups: readonly MetricGroup[]): cri.MetricDescriptor[] {
  return [...containerFamilies(groups), ...networkFamilies(groups)].map(({ name, help, labels }) => ({
    name,
    help,
    labelKeys: [...ownerLabels, ...labels],
  }));
}

/** What the engine must read for these groups. */
export function partsOf(groups: readonly MetricGroup[]): readonly UsagePart[] {
  return containerGroups.filter(({ group }) => groups.includes(group)).flatMap(({ parts }) => parts);
}

export function toPodSandboxMetrics(
  stats: SandboxStats,
  fileSystem: FileSystemStats,
  groups: readonly MetricGroup[],
): cri.PodSandboxMetrics {
  const { sandbox, network } = stats;
  const families = containerFamilies(groups);
  const interfaces = network?.interfaces ?? [];
  return {
    podSandboxId: sandbox.id,
    metrics: interfaces.flatMap((counters) =>
      toMetrics(networkFamilies(groups), counters, sandboxOwner(stats)),
    ),
    containerMetrics: stats.containers.map((one) => ({
      containerId: one.container.id,
      metrics: toMetrics(families, { stats: one, fileSystem }, containerOwner(one, stats)),
    })),
  };
}

function containerFamilies(groups: readonly MetricGroup[]): readonly Family<ContainerSubject>[] {
  const chosen = containerGroups.filter(({ group }) => groups.includes(group));
  return [lastSeen, ...chosen.flatMap(({ families }) => families)];
}

function networkFamilies(groups: readonly MetricGroup[]) {
  return groups.includes(networkGroup.group) ? networkGroup.families : [];
}

/** CRI requires no time for current figures. */
function toMetrics<Subject>(
  families: readonly Family<Subject>[],
  subject: Subject,
  owner: Owner,
): cri.Metric[] {
  const ownerValues = ownerLabels.map((label) => owner[label]);
  return families.flatMap(({ name, type, values }) =>
    values(subject).map(({ labels, value, doubleValue, takenAtNs = 0n }) => ({
      name,
      timestamp: takenAtNs,
      metricType: type === "counter" ? cri.MetricType.COUNTER : cri.MetricType.GAUGE,
      labelValues: [...ownerValues, ...labels],
      value: { value },
      doubleValue: doubleValue === undefined ? undefined : { value: doubleValue },
    })),
  );
}

function containerOwner({ container, cgroup }: ContainerStats, { sandbox }: SandboxStats): Owner {
  const { metadata, image } = container.config;
  return {
    container: metadata?.name ?? "",
    id: cgroup,
    image: image?.userSpecifiedImage || image?.image || container.imageRef,
    name: container.id,
    namespace: sandbox.config.metadata?.namespace ?? "",
    pod: sandbox.config.metadata?.name ?? "",
  };
}

/** A pod has neither container name nor image: queries distinguish the two by that. */
function sandboxOwner({ sandbox, cgroup }: SandboxStats): Owner {
  const { name = "", namespace = "" } = sandbox.config.metadata ?? {};
  return { container: "", id: cgroup, image: "", name: sandbox.id, namespace, pod: name };
}
