import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { describeObject } from "../describe/describe-object.ts";
import { describeEvents } from "../describe/events.ts";
import { Sheet } from "../describe/sheet.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseObjects } from "../objects/kind-names.ts";
import { listObjects, onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";

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
  using client = await connect(options, invocation);
  for (const [index, { kind, name }] of parseObjects(words).entries()) {
    const namespace = kind === "Namespace" ? "" : (options.namespace ?? "default");
    // Of all kinds: what belongs to an object is described with it.
    const all = (await listObjects(client, { namespace })).filter((one) => one.namespace === namespace);
    const found = all.find((one) => one.kind === kind && one.name === name);
    if (found === undefined) throw new CliError("NotFound", `${kind} ${namespace}/${name} not found`);
    const request = berthV1.ListObjectEventsRequest.fromPartial({ object: { kind, namespace, name } });
    const { events } = await onManager(client.unary(berthV1.ManagerService.listObjectEvents, request));
    const nowMs = Date.now();
    const sheet = new Sheet();
    if (index > 0) sheet.line(0);
    describeObject(sheet, kind, found, { all: all.map(({ object }) => object), nowMs });
    describeEvents(sheet, events, nowMs);
    await write(io.stdout, sheet.toString());
  }
}
