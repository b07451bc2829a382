import type { Command } from "commander";
import {
  ContainerEventResponse as ContainerEvent,
  type ContainerEventResponse,
  containerEventTypeToJSON,
  GetEventsRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { toProtobufJson } from "../output/structured.ts";
import { printable } from "../output/table.ts";
import { formatTime, shortId } from "../output/units.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & { readonly output?: "table" | "json" };

const description = `Streams the events of pods and containers until interrupted, starting now. With -o json, each
event is one line.`;

const examples = `
Examples:
  berth events
  berth events -o json | jq 'select(.containerEventType == "CONTAINER_STOPPED_EVENT")'
`;

export function define(command: Command, invocation: Invocation): void {
  command.description(description);
  addOutputOption(command, ["table", "json"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => followEvents(optionsOf<Options>(command), invocation));
}

async function followEvents(options: Options, invocation: Invocation): Promise<void> {
  const { stdout } = invocation.io;
  using client = await connect(options, invocation);
  if (options.output !== "json") await write(stdout, columns("TIME", "EVENT", "ID", "POD", "CONTAINER"));
  for await (const event of client.serverStream(
    RuntimeServiceService.getContainerEvents,
    GetEventsRequest.fromPartial({}),
  )) {
    await write(
      stdout,
      options.output === "json" ? `${JSON.stringify(toProtobufJson(ContainerEvent, event))}\n` : line(event),
    );
  }
}

function line({
  createdAt,
  containerEventType,
  containerId,
  podSandboxStatus,
  containersStatuses,
}: ContainerEventResponse): string {
  const kind = containerEventTypeToJSON(containerEventType)
    .replace(/^CONTAINER_|_EVENT$/g, "")
    .toLowerCase();
  const pod = podSandboxStatus?.metadata;
  const container = containersStatuses.find(({ id }) => id === containerId)?.metadata;
  return columns(
    formatTime(createdAt),
    kind,
    shortId(containerId),
    pod === undefined ? "" : `${pod.namespace}/${pod.name}`,
    container?.name ?? "",
  );
}

/** Events arrive one by one, so columns have a fixed width instead of that of the widest cell. */
function columns(time: string, kind: string, id: string, pod: string, container: string): string {
  return `${time.padEnd(26)}${kind.padEnd(10)}${printable(id).padEnd(15)}${printable(pod).padEnd(30)} ${printable(container)}\n`;
}
