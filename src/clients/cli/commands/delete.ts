import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseObjects } from "../objects/kind-names.ts";
import { onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, collect, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { readManifestFiles } from "../play/read-files.ts";
import { reportFailure } from "../report-failure.ts";
import { parseCount } from "../values/count.ts";

type Options = ConnectionOptions & {
  readonly namespace?: string;
  readonly filename?: readonly string[];
  readonly gracePeriod?: string;
  readonly wait?: boolean;
  readonly ignoreNotFound?: boolean;
};

const description = `Deletes objects of berthd's pod manager and everything that they created: by
kind and name, or those in manifests. Pods stop in order. Claims of a StatefulSet stay unless its
retention policy says otherwise.`;

const examples = `
Examples:
  berth delete deployment web
  berth delete pod/web job/count
  berth delete -f web.yaml
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[object...]", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")')
    .option("-f, --filename <file>", "delete the objects in these manifests (may be repeated)", collect)
    .option("--grace-period <seconds>", "how long pods have to stop, instead of their own grace period")
    .option("--no-wait", "do not wait until they are deleted")
    .option("--ignore-not-found", "succeed even if an object does not exist");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((objects: string[]) => remove(objects, optionsOf<Options>(command), invocation));
}

async function remove(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const { namespace = "default", filename = [], gracePeriod, wait = true } = options;
  if ((words.length === 0) === (filename.length === 0))
    throw usageError("give either objects (KIND NAME) or manifests (-f FILE)");
  const named =
    words.length > 0
      ? parseObjects(words).map((one) => ({
          ...one,
          namespace: one.kind === "Namespace" ? "" : namespace,
        }))
      : (await readManifestFiles(filename, options.namespace, io))
          .toReversed()
          .map(({ kind, metadata }) => ({ kind, name: metadata.name, namespace: metadata.namespace }));
  using client = await connect(options, invocation);
  const removals = named.map(async (object) => {
    const request = berthV1.DeleteObjectRequest.fromPartial({
      object,
      wait,
      ...(gracePeriod === undefined ? {} : { graceSeconds: parseCount(gracePeriod, "--grace-period") }),
    });
    try {
      await onManager(
        client.unary(berthV1.ManagerService.deleteObject, request, { timeoutMs: Number.POSITIVE_INFINITY }),
      );
      await write(io.stdout, `${object.kind.toLowerCase()}/${object.name} deleted\n`);
    } catch (error) {
      if (options.ignoreNotFound !== true || !hasCode(error, "NotFound")) throw error;
    }
  });
  for (const outcome of await Promise.allSettled(removals)) {
    if (outcome.status === "fulfilled") continue;
    const status = reportFailure(outcome.reason, invocation);
    if (invocation.exitCode === exitCode.ok) invocation.exitCode = status;
  }
}
