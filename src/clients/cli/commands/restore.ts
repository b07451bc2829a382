import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import {
  ContainerConfig,
  PodSandboxConfig,
  RestorePodRequest,
  RuntimeServiceService,
  StartContainerRequest,
} from "../../../ground/protocol/index.ts";
import { removePod } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { unreadable } from "../local-file.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { newSandbox } from "../run/configurations.ts";
import { runPod } from "../run/new-pod.ts";

type Options = ConnectionOptions & {
  readonly name?: string;
  readonly namespace?: string;
  readonly handler?: string;
  readonly logDir?: string;
};

const description = `Restores a pod from a checkpoint taken with \`berth checkpoint\`, starts its containers where
they left off, and prints the pod's id. The pod gets a new address, and connections that were
open are closed. To restore a container's checkpoint, use \`berth run ARCHIVE\`.`;

const examples = `
Examples:
  berth restore /var/lib/checkpoints/db
  berth restore --name db-copy ./db
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<directory>", "the checkpoint")
    .option("--name <name>", "name of the pod (default: the old name plus six letters)")
    .option("-n, --namespace <namespace>", "Kubernetes namespace of the pod (default: the old one)")
    .option("--handler <name>", "runtime handler")
    .option("--log-dir <path>", "directory for the pod's logs (default /var/log/pods)");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((directory: string) => restore(resolve(directory), optionsOf<Options>(command), invocation));
}

async function restore(directory: string, options: Options, invocation: Invocation): Promise<void> {
  const { config, containers } = await readDump(directory);
  const old = config.metadata;
  const namespace = options.namespace ?? old?.namespace ?? "default";
  const words = { image: old?.name ?? "pod", args: [], options: { ...options, namespace }, env: {} };
  const fresh = await newSandbox(runPod(words), options);
  const { metadata, hostname, logDirectory } = fresh;
  const request = RestorePodRequest.fromPartial({
    checkpointPath: directory,
    config: { ...config, metadata, hostname, logDirectory, labels: { ...config.labels, ...fresh.labels } },
    runtimeHandler: options.handler ?? "",
    containerConfigs: containers.map((each) => ({ ...each, labels: { ...each.labels, ...fresh.labels } })),
  });
  using client = await connect(options, invocation);
  const restored = await client.unary(RuntimeServiceService.restorePod, request);
  try {
    for (const { containerId } of restored.restoredContainers)
      await client.unary(
        RuntimeServiceService.startContainer,
        StartContainerRequest.fromPartial({ containerId }),
      );
  } catch (error) {
    await removePod(client, restored.podSandboxId);
    throw error;
  }
  await write(invocation.io.stdout, `${restored.podSandboxId}\n`);
}

/** What the pod and its containers were asked to be when the checkpoint was taken. */
async function readDump(directory: string) {
  const path = join(directory, "pod.dump");
  await stat(directory).catch((error: unknown) => {
    throw unreadable(directory, error);
  });
  try {
    const dump: {
      readonly config?: unknown;
      readonly containers?: readonly { readonly config?: unknown }[];
    } = JSON.parse(await readFile(path, "utf8"));
    const containers = (dump.containers ?? []).map(({ config }) => ContainerConfig.fromJSON(config));
    return { config: PodSandboxConfig.fromJSON(dump.config), containers };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usageError(`${directory} is not the checkpoint of a pod: ${why}`);
  }
}
