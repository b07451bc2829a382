import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { parseObjects } from "../objects/kind-names.ts";
import { onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { adviseOnUnknown } from "./foreign-words.ts";

type Options = ConnectionOptions & { readonly namespace?: string };

export function define(command: Command, invocation: Invocation): void {
  command.description("Replaces the pods of objects of berthd's pod manager.");
  adviseOnUnknown(command, "berth rollout");
  const restart = command
    .command("restart")
    .summary("replace the pods of a Deployment, StatefulSet or DaemonSet")
    .description(
      "Replaces the pods of a Deployment, StatefulSet or DaemonSet according to its update strategy.",
    )
    .argument("<object...>", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")');
  addConnectionOptions(restart).action((objects: string[]) =>
    restartAll(objects, optionsOf<Options>(restart), invocation),
  );
}

async function restartAll(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { namespace = "default" } = options;
  for (const object of parseObjects(words)) {
    const request = berthV1.RestartObjectRequest.fromPartial({ object: { ...object, namespace } });
    await onManager(client.unary(berthV1.ManagerService.restartObject, request));
    await write(invocation.io.stdout, `${object.kind.toLowerCase()}/${object.name} restarted\n`);
  }
}
