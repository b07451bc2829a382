import { type Command, Option } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { endedStatus } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { copyLog } from "../client/copy-log.ts";
import {
  type DebugContainerOptions,
  debugProfiles,
  ephemeralContainer,
} from "../debug/ephemeral-container.ts";
import { startedContainer } from "../debug/started-container.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parsePodOrObject } from "../objects/kind-names.ts";
import { onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, collect, optionsOf } from "../options.ts";
import { printableLines } from "../output/table.ts";
import { write } from "../output/write.ts";
import { openAttach } from "../streams/open.ts";
import { addInteractiveOptions, addStreamOptions, type StreamOptions } from "../streams/options.ts";
import { planSession, runSession } from "../streams/session.ts";

type Options = StreamOptions & DebugContainerOptions & { readonly namespace?: string };

const description = `Adds an ephemeral container to a running pod of berthd's pod manager: an image
with tools, in the pod's network and, with --target, in the PID namespace of one of its containers.
With -i berth attaches to it and exits with its exit status. It is started once, and stays until the
pod is removed.`;

const examples = `
Examples:
  berth debug -it web --image busybox --target main
  berth debug web --image netshoot --profile netadmin -- tcpdump -w /tmp/out
`;

export function define(command: Command, invocation: Invocation): void {
  invocation.failureExitCode = exitCode.ownFailure;
  command
    .description(description)
    .argument("<pod>", "name of the pod")
    .argument("[command...]", "command, instead of that of the image")
    .requiredOption("--image <image>", "image of the container")
    .option("--target <container>", "see the processes of this container of the pod")
    .option("-c, --container <name>", "name of the new container (default debugger-…)")
    .option("-n, --namespace <namespace>", 'namespace of the pod (default "default")')
    .option("-e, --env <key=value>", "environment variable (may be repeated)", collect)
    .addOption(
      new Option("--image-pull-policy <policy>", "when to pull the image").choices([
        "Always",
        "IfNotPresent",
        "Never",
      ]),
    )
    .addOption(
      new Option(
        "--profile <name>",
        "its privileges, as in kubectl's profile of that name (default general)",
      ).choices(debugProfiles),
    );
  addInteractiveOptions(command);
  addStreamOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((pod: string, args: string[]) => debug(pod, args, optionsOf<Options>(command), invocation));
}

async function debug(
  text: string,
  args: readonly string[],
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const { io, signal } = invocation;
  const { kind, namespace, name } = parsePodOrObject(text, options.namespace);
  if (kind !== "Pod") throw usageError(`${text} is not a pod`);
  const plan = planSession(options, io);
  const container = ephemeralContainer(options, args, io.env);
  using client = await connect(options, invocation);
  const request = berthV1.AddEphemeralContainerRequest.fromPartial({
    object: { kind, namespace, name },
    container: JSON.stringify(container),
  });
  await onManager(client.unary(berthV1.ManagerService.addEphemeralContainer, request));
  if (!plan.stdin) return await write(io.stdout, `${container.name}\n`);
  const containerId = await startedContainer(
    client,
    { namespace, pod: name, container: container.name },
    (reason, message) => write(io.stderr, `berth: ${reason}: ${printableLines(message)}\n`),
    signal,
  );
  try {
    const opening = { client, options, signal };
    await using attached = await openAttach({ containerId, ...plan }, opening);
    const outcome = await runSession(attached, { ...plan, redraw: true }, io);
    if (outcome.kind === "detached")
      return await write(io.stderr, "berth: detached; the container keeps running\n");
  } catch (error) {
    // It ended before we could attach; its output is in its log.
    const status = await endedStatus(client, containerId);
    if (status === undefined || !hasCode(error, "FailedPrecondition")) throw error;
    await copyLog(client, containerId, {}, {}, invocation);
  }
  invocation.exitCode = (await endedStatus(client, containerId))?.exitCode ?? exitCode.ok;
}
