import type { Command } from "commander";
import { ContainerState } from "../../protocol/index.ts";
import type { Client } from "../client/client.ts";
import { connect } from "../client/connect.ts";
import { removeContainer, removePod, runningContainers, stopContainer } from "../client/object-actions.ts";
import { type Found, findPodOrContainer } from "../client/objects.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { forEachName } from "./each-name.ts";

type Options = ConnectionOptions & TypeOption<"pod" | "container"> & { readonly force?: boolean };

const description =
  "Removes pods, with their containers, or containers. What still runs is removed only with --force, which kills it.";

const examples = `
Examples:
  berth rm web
  berth rm -f default/db 3f9a
  berth rm $(berth ps --state exited -q)
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<name...>", "ids or names of pods or containers")
    .option("-f, --force", "also what still runs");
  addTypeOption(command, ["pod", "container"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => remove(names, optionsOf<Options>(command), invocation));
}

async function remove(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const removeOne = async (name: string) => {
    const found = await findPodOrContainer(client, name, options.type);
    const running = await runningOf(client, found);
    if (running.length > 0 && options.force !== true) throw stillRuns(name, found);
    await Promise.all(running.map((id) => stopContainer(client, id, 0)));
    if (found.kind === "pod") await removePod(client, found.pod.id);
    else await removeContainer(client, found.container.id);
  };
  await forEachName(names, removeOne, invocation);
}

async function runningOf(client: Client, found: Found): Promise<string[]> {
  if (found.kind === "pod") return runningContainers(client, found.pod.id);
  return found.container.state === ContainerState.CONTAINER_RUNNING ? [found.container.id] : [];
}

function stillRuns(name: string, found: Found): CliError {
  const what = found.kind === "pod" ? `pod ${name} has running containers` : `container ${name} is running`;
  return new CliError(
    "FailedPrecondition",
    `${what}: stop it first with \`berth stop ${name}\`, or use --force`,
  );
}
