import { containerd } from "../../ground/protocol/index.ts";
import { parseFilters } from "../../parts/filters/index.ts";
import type { Task } from "../../services/runtime/index.ts";
import type { CgroupReadings, CgroupUsage } from "../../services/stats/index.ts";
import { metricsOfV1 } from "./cgroup-metrics-v1.ts";
import { metricsOfV2 } from "./cgroup-metrics-v2.ts";
import { toTimestamp } from "./messages.ts";

type Metric = containerd.types.Metric;

const parts = new Set(["files", "devices"] as const);

/**
 * Resource usage of tasks, in the message of containerd's cgroups library for the cgroup version that has the
 * controllers. Tasks without a cgroup of their own are left out.
 */
export async function metricsOf(
  tasks: readonly Pick<Task, "id" | "cgroup">[],
  { namespace, filters }: { readonly namespace: string; readonly filters: readonly string[] },
  readings: Pick<CgroupReadings, "read">,
): Promise<Metric[]> {
  const matches = parseFilters(filters);
  const asked = tasks.flatMap(({ id, cgroup }) => {
    const fields: Readonly<Record<string, string>> = { id, namespace };
    return cgroup !== undefined && matches(([field = ""]) => fields[field]) ? [{ id, cgroup }] : [];
  });
  const read = await readings.read(
    asked.map(({ cgroup }) => cgroup),
    parts,
  );
  return asked.flatMap(({ id }, index) => metricOf(id, read[index]));
}

function metricOf(id: string, usage: CgroupUsage | undefined): Metric | readonly [] {
  if (usage?.files === undefined) return [];
  const { atNs, files, devices = [] } = usage;
  const names = new Map(devices.map(({ major, minor, name }) => [`${major}:${minor}`, name]));
  const { Metrics: V1 } = containerd.cgroupsV1;
  const { Metrics: V2 } = containerd.cgroupsV2;
  const value =
    files.version === 1
      ? V1.encode(metricsOfV1(files.texts, (device) => names.get(device) ?? "")).finish()
      : V2.encode(metricsOfV2(files.texts)).finish();
  const typeUrl = `io.containerd.cgroups.v${files.version}.Metrics`;
  return { timestamp: toTimestamp(atNs), id, data: { typeUrl, value: Buffer.from(value) } };
}
