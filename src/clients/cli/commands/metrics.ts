import type { Command } from "commander";
import {
  ListMetricDescriptorsResponse,
  ListPodSandboxMetricsResponse,
  type MetricDescriptor,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findPod } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured, toProtobufJson } from "../output/structured.ts";
import { type Column, renderTable } from "../output/table.ts";
import { write } from "../output/write.ts";
import { type LabelledMetric, labelledMetrics, labelText, prometheusText } from "../usage/metrics.ts";

type Format = "table" | "json" | "yaml" | "prometheus";
type Options = ConnectionOptions & { readonly output?: Format; readonly descriptors?: boolean };

const description = `Shows the metrics of ready pods and their running containers, or with --descriptors the list of
available metrics. The names are those that kubelets export under /metrics/cadvisor.`;

const examples = `
Examples:
  berth metrics web
  berth metrics -o prometheus
  berth metrics --descriptors
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[pod]", "only this pod")
    .option("--descriptors", "show names, labels and descriptions instead of values");
  addOutputOption(command, ["table", "json", "yaml", "prometheus"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((pod: string | undefined) => showMetrics(pod, optionsOf<Options>(command), invocation));
}

async function showMetrics(
  pod: string | undefined,
  { output = "table", descriptors, ...options }: Options,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const text =
    descriptors === true ? await descriptorText(client, output) : await metricText(client, pod, output);
  await write(invocation.io.stdout, text);
}

async function descriptorText(client: Client, output: Format): Promise<string> {
  const answer = await client.unary(RuntimeServiceService.listMetricDescriptors, {});
  if (output === "prometheus")
    return answer.descriptors.map(({ name, help }) => `# HELP ${name} ${help}\n`).join("");
  if (output !== "table")
    return renderStructured(toProtobufJson(ListMetricDescriptorsResponse, answer), output);
  const columns: Column<MetricDescriptor>[] = [
    { title: "NAME", value: ({ name }) => name },
    { title: "LABELS", value: ({ labelKeys }) => labelKeys.join(",") },
    { title: "MEANING", value: ({ help }) => help },
  ];
  return renderTable(columns, answer.descriptors);
}

async function metricText(client: Client, pod: string | undefined, output: Format): Promise<string> {
  const id = pod === undefined ? undefined : (await findPod(client, pod)).id;
  const [known, answer] = await Promise.all([
    client.unary(RuntimeServiceService.listMetricDescriptors, {}),
    client.unary(RuntimeServiceService.listPodSandboxMetrics, {}),
  ]);
  const podMetrics = answer.podMetrics.filter(({ podSandboxId }) => id === undefined || podSandboxId === id);
  if (output === "json" || output === "yaml")
    return renderStructured(toProtobufJson(ListPodSandboxMetricsResponse, { podMetrics }), output);
  const metrics = labelledMetrics(known, podMetrics);
  return output === "prometheus" ? prometheusText(metrics) : renderTable(metricColumns, metrics);
}

/** Without the labels that repeat the columns before them. */
const metricColumns: readonly Column<LabelledMetric>[] = [
  { title: "POD", value: ({ labels }) => labels.pod ?? "" },
  { title: "CONTAINER", value: ({ labels }) => labels.container ?? "" },
  { title: "NAME", value: ({ name }) => name },
  { title: "LABELS", value: ({ labels }) => labelText(ownLabels(labels)) },
  { title: "VALUE", value: ({ value }) => String(value) },
];

function ownLabels({
  pod: _pod,
  container: _container,
  namespace: _namespace,
  id: _id,
  name: _name,
  image: _image,
  ...own
}: LabelledMetric["labels"]): LabelledMetric["labels"] {
  return own;
}
