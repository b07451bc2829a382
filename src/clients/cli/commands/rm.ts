import type { Command } from "commander";
import { ContainerState } from "../../../ground/protocol/index.ts";
import {
  type Client,
  type Found,
  findPodOrContainer,
  removeContainer,
  removePod,
  runningContainers,
  stopContainer,
  withItsPod,
} from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { findUnreadable } from "../output/unreadable-records.ts";
import { forEachName } from "./each-name.ts";

type Options = ConnectionOptions & TypeOption<"pod" | "container"> & { readonly force?: boolean };

const description = `Removes pods (with their containers) or containers. Containers started by \`berth run\` are
removed together with their pod and their log. Running containers are removed only with
--force, which kills them first.`;

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
    .option("-f, --force", "kill and remove running containers, too");
  addTypeOption(command, ["pod", "container"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => remove(names, optionsOf<Options>(command), invocation));
}

async function remove(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  // All are looked up first, so that one that is removed together with another is found nevertheless.
  const found = new Map(names.map((name) => [name, findNamed(client, name, options)]));
  await Promise.allSettled(found.values());
  const removeOne = async (name: string) => {
    if (options.force === true && (await removeUnreadable(client, name))) return;
    const one = await (found.get(name) ?? findNamed(client, name, options));
    const running = await runningOf(client, one);
    if (running.length > 0 && options.force !== true) throw stillRuns(name, one);
    await Promise.all(running.map((id) => stopContainer(client, id, 0)));
    if (one.kind === "pod") await removePod(client, one.pod.id);
    else await removeContainer(client, one.container.id);
  };
  await forEachName(names, removeOne, invocation);
}

/** Removes a container whose record cannot be read. Only its id is known, so it may be running. */
async function removeUnreadable(client: Client, id: string): Promise<boolean> {
  const record = await findUnreadable(client, id);
  if (record === undefined) return false;
  if (record.kind === "container") await removeContainer(client, id);
  else await removePod(client, id);
  return true;
}

async function findNamed(client: Client, name: string, { type }: Options): Promise<Found> {
  const found = await findPodOrContainer(client, name, type);
  return type === undefined ? withItsPod(found) : found;
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
