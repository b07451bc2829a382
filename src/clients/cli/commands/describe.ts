import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { describeObject } from "../describe/describe-object.ts";
import { describeEvents } from "../describe/events.ts";
import { Sheet } from "../describe/sheet.ts";
import type { Invocation } from "../invocation.ts";
import { type ObjectArgument, objectNotFound, parseObjects } from "../objects/kind-names.ts";
import { listObjects, onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { eachOf } from "./each-name.ts";

type Options = ConnectionOptions & { readonly namespace?: string };

const description = `Describes objects of berthd's pod manager as kubectl does, with their recent events.
Values of secrets are not shown. \`berth get -o yaml\` shows whole objects.`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<object...>", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")');
  addConnectionOptions(command).action((objects: string[]) =>
    describe(objects, optionsOf<Options>(command), invocation),
  );
}

async function describe(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const wanted = parseObjects(words);
  using client = await connect(options, invocation);
  const isNamespace = ({ kind }: ObjectArgument) => kind === "Namespace";
  const namespaces = wanted.some(isNamespace) ? await listObjects(client, { kind: "Namespace" }) : [];
  const namespace = options.namespace ?? "default";
  // Of all kinds: what belongs to an object is described with it.
  const others = wanted.every(isNamespace) ? [] : await listObjects(client, { namespace });
  let isFirst = true;
  const describeOne = async (argument: ObjectArgument) => {
    const { kind, name } = argument;
    const all = isNamespace(argument) ? namespaces : others;
    const found = all.find((one) => one.kind === kind && one.name === name);
    if (found === undefined) throw objectNotFound(argument, namespace);
    const object = { kind, namespace: found.namespace, name };
    const request = berthV1.ListObjectEventsRequest.fromPartial({ object });
    const { events } = await onManager(client.unary(berthV1.ManagerService.listObjectEvents, request));
    const nowMs = Date.now();
    const sheet = new Sheet();
    if (!isFirst) sheet.line(0);
    isFirst = false;
    describeObject(sheet, kind, found, { all: all.map(({ object }) => object), nowMs });
    describeEvents(sheet, events, nowMs);
    await write(io.stdout, sheet.toString());
  };
  await eachOf(wanted, describeOne, invocation);
}
