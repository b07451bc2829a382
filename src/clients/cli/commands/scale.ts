import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { type ObjectArgument, parseObjects } from "../objects/kind-names.ts";
import { onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { parseCount } from "../values/numbers.ts";
import { eachOf } from "./each-name.ts";

type Options = ConnectionOptions & { readonly namespace?: string; readonly replicas: string };

const description = `Gives a Deployment, ReplicaSet or StatefulSet of berthd's pod manager another number of
pods. Applying its manifest again sets the number that is written there.`;

const examples = `
Examples:
  berth scale deployment web --replicas 3
  berth scale sts/db --replicas 0
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<object...>", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")')
    .requiredOption("--replicas <number>", "how many pods");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((objects: string[]) => scale(objects, optionsOf<Options>(command), invocation));
}

async function scale(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { namespace = "default" } = options;
  const replicas = parseCount(options.replicas, "--replicas");
  const objects = parseObjects(words);
  using client = await connect(options, invocation);
  const scaleOne = async ({ kind, name }: ObjectArgument) => {
    const request = berthV1.ScaleObjectRequest.fromPartial({ object: { kind, namespace, name }, replicas });
    await onManager(client.unary(berthV1.ManagerService.scaleObject, request));
    await write(invocation.io.stdout, `${kind.toLowerCase()}/${name} scaled\n`);
  };
  await eachOf(objects, scaleOne, invocation);
}
