import {
  ContainerStats,
  ListContainerStatsRequest,
  ListContainerStatsResponse,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findContainer, listContainers, type PodContainer } from "../../criclient/index.ts";
import type { List } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import { shortId } from "../output/units.ts";
import { byCpuUse, bytes, cpuPercent, type UsageFilter } from "./figures.ts";

type Row = Partial<PodContainer> & { readonly stats: ContainerStats };

/** Resource usage of the running containers that match the filter, or of those with these names. */
export async function containerUsage(
  client: Client,
  names: readonly string[],
  filter: UsageFilter,
): Promise<List<Row>> {
  const rows = (await usageRows(client, names, filter)).sort(byCpuUse(({ stats }) => stats.cpu));
  const idText = (id: string) => (filter.trunc ? shortId(id) : id);
  return {
    rows,
    idOf: ({ stats }) => stats.attributes?.id ?? "",
    toJson: () => toProtobufJson(ListContainerStatsResponse, { stats: rows.map(({ stats }) => stats) }),
    columns: [
      { title: "CONTAINER ID", value: ({ stats }) => idText(stats.attributes?.id ?? "") },
      { title: "NAME", value: ({ stats }) => stats.attributes?.metadata?.name ?? "" },
      { title: "POD", value: ({ pod }) => pod?.metadata?.name ?? "" },
      { title: "NAMESPACE", value: ({ pod }) => pod?.metadata?.namespace ?? "" },
      { title: "CPU %", value: ({ stats }) => cpuPercent(stats.cpu) },
      { title: "MEMORY", value: ({ stats }) => bytes(stats.memory?.workingSetBytes) },
      { title: "SWAP", value: ({ stats }) => bytes(stats.swap?.swapUsageBytes) },
      { title: "DISK", value: ({ stats }) => bytes(stats.writableLayer?.usedBytes) },
      { title: "INODES", value: ({ stats }) => String(stats.writableLayer?.inodesUsed?.value ?? "") },
    ],
  };
}

async function usageRows(client: Client, names: readonly string[], filter: UsageFilter): Promise<Row[]> {
  if (names.length > 0) return Promise.all(names.map((name) => usageOf(client, name)));
  const { podId = "", namespace, labels } = filter;
  const request = { filter: { podSandboxId: podId, labelSelector: labels } };
  const [{ stats }, known] = await Promise.all([
    client.unary(RuntimeServiceService.listContainerStats, ListContainerStatsRequest.fromPartial(request)),
    listContainers(client),
  ]);
  const byId = new Map(known.map((found) => [found.container.id, found]));
  return stats
    .map((one): Row => ({ stats: one, ...byId.get(one.attributes?.id ?? "") }))
    .filter(({ pod }) => namespace === undefined || pod?.metadata?.namespace === namespace);
}

async function usageOf(client: Client, name: string): Promise<Row> {
  const found = await findContainer(client, name);
  const { stats = ContainerStats.fromPartial({}) } = await client.unary(
    RuntimeServiceService.containerStats,
    { containerId: found.container.id },
  );
  return { stats, ...found };
}
