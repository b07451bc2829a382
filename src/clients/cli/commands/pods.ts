import type { Command } from "commander";
import { ListPodSandboxResponse, type PodSandbox, PodSandboxState } from "../../../ground/protocol/index.ts";
import { listPods } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addFilterOptions,
  addListOptions,
  type ConnectionOptions,
  type FilterOptions,
  optionsOf,
} from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import { type Style, styleFor } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { formatAge, shortId } from "../output/units.ts";
import { parseKeyValues } from "../values/key-values.ts";

type Options = ConnectionOptions & ListOptions & FilterOptions & { readonly state?: "ready" | "notready" };

const examples = `
Examples:
  berth pods
  berth pods --namespace kube-system --state ready
  berth pods --label app=web -o json | jq '.items[].metadata.name'
  berth rm $(berth pods --state notready -q)
`;

export function define(command: Command, invocation: Invocation): void {
  command.description("Lists pods (pod sandboxes), newest first.");
  addFilterOptions(command);
  command.addOption(
    command.createOption("--state <state>", "only pods in this state").choices(["ready", "notready"]),
  );
  addListOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => printPods(optionsOf<Options>(command), invocation));
}

async function printPods(options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const labelSelector = parseKeyValues(options.label ?? [], "--label");
  const items = (await listPods(client, { labelSelector }))
    .filter((pod) => options.namespace === undefined || pod.metadata?.namespace === options.namespace)
    .filter((pod) => options.state === undefined || stateOf(pod).toLowerCase() === options.state)
    .sort((one, other) => Number(other.createdAt - one.createdAt));
  const list = {
    rows: items,
    columns: columns(options, styleFor(invocation.io.stdout, invocation.io.env)),
    idOf: (pod: PodSandbox) => pod.id,
    toJson: () => toProtobufJson(ListPodSandboxResponse, { items }),
  };
  await printList(list, options, invocation);
}

function columns({ trunc }: Options, style: Style): Column<PodSandbox>[] {
  const nowMs = Date.now();
  return [
    { title: "POD ID", value: ({ id }) => (trunc === false ? id : shortId(id)) },
    { title: "CREATED", value: ({ createdAt }) => formatAge(createdAt, nowMs) },
    {
      title: "STATE",
      value: stateOf,
      paint: (text) => (text === "Ready" ? style.green(text) : style.dim(text)),
    },
    { title: "NAME", value: ({ metadata }) => metadata?.name ?? "" },
    { title: "NAMESPACE", value: ({ metadata }) => metadata?.namespace ?? "" },
    { title: "ATTEMPT", value: ({ metadata }) => String(metadata?.attempt ?? 0) },
    { title: "HANDLER", value: ({ runtimeHandler }) => runtimeHandler || "(default)" },
  ];
}

function stateOf({ state }: PodSandbox): "Ready" | "NotReady" {
  return state === PodSandboxState.SANDBOX_READY ? "Ready" : "NotReady";
}
