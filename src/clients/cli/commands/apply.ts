import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { type ApplyOptions, applyManifests } from "../objects/apply-manifests.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import {
  addManifestFiles,
  type ManifestFileOptions,
  manifestFiles,
  readManifestFiles,
} from "../play/read-files.ts";

type Options = ConnectionOptions & ApplyOptions & ManifestFileOptions & { readonly namespace?: string };

const description = `Passes the objects of Kubernetes manifests to berthd's pod manager, which
stores and runs them, also after restarts of the daemon and the machine. All manifests are checked
before anything is changed.`;

const examples = `
Examples:
  berth apply web.yaml
  berth apply --dry-run manifests/
  berth apply --replace job.yaml
`;

export function define(command: Command, invocation: Invocation): void {
  addManifestFiles(command.description(description))
    .option("-n, --namespace <namespace>", 'namespace of objects without one (default "default")')
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--replace", "delete and recreate objects that cannot be changed (Pod, Job)");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((files: string[]) => apply(files, optionsOf<Options>(command), invocation));
}

async function apply(files: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const manifests = await readManifestFiles(manifestFiles(files, options), options.namespace, io);
  using client = await connect(options, invocation);
  await applyManifests(client, manifests, options, io);
}
