import { resolve } from "node:path";
import type { Command } from "commander";
import { connect, endpointPath } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, collect, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { playManifests } from "../play/play.ts";
import {
  addManifestFiles,
  type ManifestFileOptions,
  manifestFiles,
  readManifestFiles,
} from "../play/read-files.ts";
import { parseKeyValues } from "../values/key-values.ts";

type Options = ConnectionOptions &
  ManifestFileOptions & {
    readonly namespace?: string;
    readonly dryRun?: boolean;
    readonly dataDir?: string;
    readonly logDir?: string;
    readonly nodeLabel?: readonly string[];
  };

const description = `Runs Kubernetes manifests on any CRI endpoint, without a cluster, shows the
output of all containers and waits until the pods have ended. Ctrl-C stops the pods in order and
removes them. Exits with 0 when all pods have succeeded, and with 1 when one has failed.`;

const examples = `
Examples:
  berth play web.yaml
  berth play --dry-run manifests/
  generate-manifests | berth play -
`;

/** The counterpart of a kubelet's /var/lib/kubelet. */
const defaultDataDir = "/var/lib/berth-play";
const defaultLogDir = "/var/log/pods";

export function define(command: Command, invocation: Invocation): void {
  addManifestFiles(command.description(description))
    .option("-n, --namespace <namespace>", 'namespace of objects without one (default "default")')
    .option("--dry-run", "check the manifests and say what would run")
    .option("--data-dir <path>", `directory for the pods' data on disk (default ${defaultDataDir})`)
    .option("--log-dir <path>", `directory for the pods' logs (default ${defaultLogDir})`)
    .option("--node-label <key=value>", "label of this machine for nodeSelector (may be repeated)", collect);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((files: string[]) => play(files, optionsOf<Options>(command), invocation));
}

async function play(files: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const manifests = await readManifestFiles(manifestFiles(files, options), options.namespace, io);
  if (options.dryRun === true) {
    for (const { kind, metadata } of manifests) {
      const name = metadata.namespace === "" ? metadata.name : `${metadata.namespace}/${metadata.name}`;
      await write(io.stdout, `${kind} ${name} would be created\n`);
    }
    return;
  }
  // Reading standard input is not interrupted.
  invocation.signal.throwIfAborted();
  // Not the invocation's signal: after an interruption, the pods are still to be ended in order, which needs
  // calls.
  using client = await connect(options, { ...invocation, signal: new AbortController().signal });
  invocation.exitCode = await playManifests(
    manifests,
    {
      client,
      endpoint: endpointPath(options, io),
      dataDir: resolve(options.dataDir ?? defaultDataDir),
      logRoot: resolve(options.logDir ?? defaultLogDir),
      nodeLabels: parseKeyValues(options.nodeLabel ?? [], "--node-label"),
    },
    invocation,
  );
}
