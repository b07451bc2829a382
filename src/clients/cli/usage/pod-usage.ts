import {
  ListPodSandboxStatsRequest,
  ListPodSandboxStatsResponse,
  PodSandboxStats,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findPod } from "../../criclient/index.ts";
import type { List } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import { shortId } from "../output/units.ts";
import { byCpuUse, bytes, cpuPercent, type UsageFilter } from "./figures.ts";

/** Resource usage of the ready pods that match the filter, or of those with these names. */
export async function podUsage(
  client: Client,
  names: readonly string[],
  filter: UsageFilter,
): Promise<List<PodSandboxStats>> {
  const rows = (await usages(client, names, filter)).sort(byCpuUse(({ linux }) => linux?.cpu));
  return {
    rows,
    idOf: ({ attributes }) => attributes?.id ?? "",
    toJson: () => toProtobufJson(ListPodSandboxStatsResponse, { stats: rows }),
    columns: [
      {
        title: "POD ID",
        value: ({ attributes }) => (filter.trunc ? shortId(attributes?.id ?? "") : (attributes?.id ?? "")),
      },
      { title: "NAME", value: ({ attributes }) => attributes?.metadata?.name ?? "" },
      { title: "NAMESPACE", value: ({ attributes }) => attributes?.metadata?.namespace ?? "" },
      { title: "CPU %", value: ({ linux }) => cpuPercent(linux?.cpu) },
      { title: "MEMORY", value: ({ linux }) => bytes(linux?.memory?.workingSetBytes) },
      { title: "RECEIVED", value: ({ linux }) => bytes(linux?.network?.defaultInterface?.rxBytes) },
      { title: "SENT", value: ({ linux }) => bytes(linux?.network?.defaultInterface?.txBytes) },
      { title: "TASKS", value: ({ linux }) => String(linux?.process?.processCount?.value ?? "") },
      { title: "CONTAINERS", value: ({ linux }) => String(linux?.containers.length ?? "") },
    ],
  };
}

async function usages(
  client: Client,
  names: readonly string[],
  { podId = "", namespace, labels }: UsageFilter,
): Promise<PodSandboxStats[]> {
  if (names.length > 0) return Promise.all(names.map((name) => usageOf(client, name)));
  const request = { filter: { id: podId, labelSelector: labels } };
  const { stats } = await client.unary(
    RuntimeServiceService.listPodSandboxStats,
    ListPodSandboxStatsRequest.fromPartial(request),
  );
  return stats.filter(
    ({ attributes }) => namespace === undefined || attributes?.metadata?.namespace === namespace,
  );
}

async function usageOf(client: Client, name: string): Promise<PodSandboxStats> {
  const { id: podSandboxId } = await findPod(client, name);
  const { stats } = await client.unary(RuntimeServiceService.podSandboxStats, { podSandboxId });
  return stats ?? PodSandboxStats.fromPartial({});
}
