import type { Command } from "commander";
import { type Container, ContainerState, ListContainersResponse } from "../../../ground/protocol/index.ts";
import { type Client, findPod, listContainers, type PodContainer } from "../../criclient/index.ts";
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

type State = "created" | "running" | "exited" | "unknown";
type Options = ConnectionOptions &
  ListOptions &
  FilterOptions & { readonly all?: boolean; readonly pod?: string; readonly state?: State };

const examples = `
Examples:
  berth ps
  berth ps -a --pod web
  berth ps --state exited -q
  berth ps -o json | jq '.containers[] | {id, name: .metadata.name}'
`;

export function define(command: Command, invocation: Invocation): void {
  command.description("Lists containers, newest first. Shows only running containers unless -a is given.");
  command
    .option("-a, --all", "include containers that are not running")
    .option("--pod <pod>", "only containers of this pod");
  command.addOption(
    command
      .createOption("--state <state>", "only containers in this state")
      .choices(["created", "running", "exited", "unknown"]),
  );
  addFilterOptions(command);
  addListOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => printContainers(optionsOf<Options>(command), invocation));
}

async function printContainers(options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const rows = await selectContainers(client, options);
  const list = {
    rows,
    columns: columns(options, styleFor(invocation.io.stdout, invocation.io.env)),
    idOf: ({ container }: PodContainer) => container.id,
    toJson: () =>
      toProtobufJson(ListContainersResponse, { containers: rows.map(({ container }) => container) }),
  };
  await printList(list, options, invocation);
}

async function selectContainers(
  client: Client,
  { all, pod, state, namespace, label }: Options,
): Promise<PodContainer[]> {
  const labels = Object.entries(parseKeyValues(label ?? [], "--label"));
  const podId = pod === undefined ? undefined : (await findPod(client, pod)).id;
  const wantedState = state ?? (all === true ? undefined : "running");
  return (await listContainers(client))
    .filter(
      ({ container }) =>
        wantedState === undefined || containerStateName(container.state).toLowerCase() === wantedState,
    )
    .filter(({ container }) => podId === undefined || container.podSandboxId === podId)
    .filter((found) => namespace === undefined || found.pod?.metadata?.namespace === namespace)
    .filter(({ container }) => labels.every(([key, value]) => container.labels[key] === value))
    .sort((one, other) => Number(other.container.createdAt - one.container.createdAt));
}

function columns({ trunc }: Options, style: Style): Column<PodContainer>[] {
  const nowMs = Date.now();
  const idText = (id: string) => (trunc === false ? id : shortId(id));
  return [
    { title: "CONTAINER ID", value: ({ container }) => idText(container.id) },
    { title: "IMAGE", value: ({ container }) => idText(imageName(container)) },
    { title: "CREATED", value: ({ container }) => formatAge(container.createdAt, nowMs) },
    {
      title: "STATE",
      value: ({ container }) => containerStateName(container.state),
      paint: (text, { container }) =>
        container.state === ContainerState.CONTAINER_RUNNING ? style.green(text) : style.dim(text),
    },
    { title: "NAME", value: ({ container }) => container.metadata?.name ?? "" },
    { title: "ATTEMPT", value: ({ container }) => String(container.metadata?.attempt ?? 0) },
    { title: "POD ID", value: ({ container }) => idText(container.podSandboxId) },
    { title: "POD", value: ({ pod }) => pod?.metadata?.name ?? "" },
    { title: "NAMESPACE", value: ({ pod }) => pod?.metadata?.namespace ?? "" },
  ];
}

/** The image as the user requested it, if the endpoint knows that; kubelets request images by id. */
function imageName({ image, imageRef }: Container): string {
  return image?.userSpecifiedImage || image?.image || imageRef;
}

/** The name of a container's state. */
function containerStateName(state: ContainerState): "Created" | "Running" | "Exited" | "Unknown" {
  switch (state) {
    case ContainerState.CONTAINER_CREATED:
      return "Created";
    case ContainerState.CONTAINER_RUNNING:
      return "Running";
    case ContainerState.CONTAINER_EXITED:
      return "Exited";
    default:
      return "Unknown";
  }
}
