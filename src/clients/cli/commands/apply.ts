import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { readManifestFiles } from "../play/read-files.ts";

type Options = ConnectionOptions & {
  readonly namespace?: string;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
};

const description = `Hands objects of Kubernetes manifests to berthd's pod manager, which keeps them and runs what they
ask for, also after restarts of the daemon and the machine. All manifests are checked before
anything is changed.`;

const examples = `
Examples:
  berth apply web.yaml
  berth apply --dry-run manifests/
  berth apply --replace job.yaml
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<file...>", "files in YAML or JSON, directories of such files, or - for standard input")
    .option("--namespace <namespace>", 'namespace of objects that name none (default "default")')
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--replace", "end objects that cannot be changed (Pod, Job) and make them anew");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((files: string[]) => apply(files, optionsOf<Options>(command), invocation));
}

const words = {
  [berthV1.ApplyOutcome.APPLY_OUTCOME_CREATED]: "created",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_CONFIGURED]: "configured",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_UNCHANGED]: "unchanged",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_REPLACED]: "replaced",
} as Readonly<Record<number, string>>;

async function apply(files: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const manifests = await readManifestFiles(files, options.namespace, io);
  using client = await connect(options, invocation);
  const request = berthV1.ApplyObjectsRequest.fromPartial({
    manifests: manifests.map((manifest) => JSON.stringify(manifest)),
    dryRun: options.dryRun ?? false,
    replace: options.replace ?? false,
  });
  const { objects } = await onManager(client.unary(berthV1.ManagerService.applyObjects, request));
  const suffix = options.dryRun === true ? " (dry run)" : "";
  for (const { object, outcome } of objects)
    await write(
      io.stdout,
      `${object?.kind.toLowerCase()}/${object?.name} ${words[outcome] ?? "applied"}${suffix}\n`,
    );
}
