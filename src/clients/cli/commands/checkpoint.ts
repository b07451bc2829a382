import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { makeDirectories } from "../../../ground/directories/index.ts";
import {
  CheckpointContainerRequest,
  CheckpointPodRequest,
  ContainerState,
  ListContainersRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findPodOrContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { parseCount } from "../values/numbers.ts";

type Options = ConnectionOptions &
  TypeOption<"pod" | "container"> & { readonly export?: string; readonly time?: string };

const defaultTime = "600";
/** How much longer than the limit we wait for the response. */
const answerMs = 30_000;

const description = `Saves the state of a running container, including its memory, to an archive that \`berth run
ARCHIVE\` restores; or saves the state of all running containers of a pod to a directory that
\`berth restore\` restores. The containers are paused meanwhile and continue afterwards. Anyone
who can read a checkpoint can read what was in their memory.`;

const examples = `
Examples:
  berth checkpoint web --export /var/lib/checkpoints/web.tar
  berth checkpoint --type pod default/db --export /var/lib/checkpoints/db
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<name>", "id or name of a pod or container")
    .option(
      "-e, --export <path>",
      "where to save it: a new archive for a container, a new or empty directory for a pod",
    )
    .option("-t, --time <seconds>", `time limit (default ${defaultTime})`);
  addTypeOption(command, ["pod", "container"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string) => checkpoint(name, optionsOf<Options>(command), invocation));
}

async function checkpoint(name: string, options: Options, invocation: Invocation): Promise<void> {
  if (options.export === undefined) throw usageError("missing --export PATH: where to save the checkpoint");
  const path = resolve(options.export);
  const seconds = parseCount(options.time ?? defaultTime, "--time");
  using client = await connect(options, invocation);
  const found = await findPodOrContainer(client, name, options.type);
  if (found.kind === "pod") await checkpointPod(client, found.pod.id, path, seconds);
  else await checkpointContainer(client, found.container.id, path, seconds);
}

async function checkpointContainer(
  client: Client,
  containerId: string,
  location: string,
  seconds: number,
): Promise<void> {
  const request = CheckpointContainerRequest.fromPartial({ containerId, location, timeout: BigInt(seconds) });
  const timeoutMs = seconds * 1000 + answerMs;
  await client.unary(RuntimeServiceService.checkpointContainer, request, { timeoutMs });
}

/** The limit is sent as the call's deadline: CheckpointPod has no field for it. */
async function checkpointPod(
  client: Client,
  podSandboxId: string,
  outputPath: string,
  seconds: number,
): Promise<void> {
  const filter = { podSandboxId, state: { state: ContainerState.CONTAINER_RUNNING } };
  const running = await client.unary(
    RuntimeServiceService.listContainers,
    ListContainersRequest.fromPartial({ filter }),
  );
  await makeDirectories(outputPath, 0o700);
  if ((await readdir(outputPath)).length > 0)
    throw usageError(`--export ${JSON.stringify(outputPath)} is not an empty directory`);
  const containerIds = running.containers.map(({ id }) => id);
  const request = CheckpointPodRequest.fromPartial({ podSandboxId, outputPath, containerIds });
  await client.unary(RuntimeServiceService.checkpointPod, request, { timeoutMs: seconds * 1000 });
}
