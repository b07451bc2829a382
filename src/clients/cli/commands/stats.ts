import type { Command } from "commander";
import { systemClock } from "../../../ground/clock/index.ts";
import { type Client, findPod } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addFilterOptions,
  addListOptions,
  type ConnectionOptions,
  type FilterOptions,
  optionsOf,
} from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { write } from "../output/write.ts";
import { containerUsage } from "../usage/container-usage.ts";
import type { UsageFilter } from "../usage/figures.ts";
import { podUsage } from "../usage/pod-usage.ts";
import { parseDuration } from "../values/duration.ts";
import { parseKeyValues } from "../values/key-values.ts";

type Options = ConnectionOptions &
  ListOptions &
  FilterOptions & { readonly pods?: boolean; readonly pod?: string; readonly watch?: string | true };

const description = `Shows the resource usage of running containers, or with --pods of ready pods, sorted by CPU
usage. CPU is in percent of one CPU; MEMORY is the working set, which the kernel cannot easily
reclaim; DISK is the size of the container's writable layer.`;

const examples = `
Examples:
  berth stats
  berth stats web/app db
  berth stats --pods --namespace default
  berth stats --watch 5s
  berth stats -o json | jq '.stats[] | {id: .attributes.id, memory: .memory.workingSetBytes.value}'
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[name...]", "only these containers, or these pods with --pods")
    .option("--pods", "show pods instead of containers")
    .option("--pod <pod>", "only this pod, or containers of this pod")
    .option("-w, --watch [duration]", "repeat at this interval until interrupted (default 2s)");
  addFilterOptions(command);
  addListOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => showStats(names, optionsOf<Options>(command), invocation));
}

async function showStats(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { stdout } = invocation.io;
  const { watch } = options;
  const pauseMs = parseDuration(typeof watch === "string" ? watch : "2s", "--watch");
  using client = await connect(options, invocation);
  const filter = await usageFilter(client, options);
  await printUsage(client, names, filter, options, invocation);
  while (watch !== undefined) {
    await systemClock.wait(pauseMs, invocation.signal);
    await write(stdout, stdout.isTTY === true ? clearScreen : "\n");
    await printUsage(client, names, filter, options, invocation);
  }
}

const clearScreen = "\x1b[H\x1b[2J";

async function printUsage(
  client: Client,
  names: readonly string[],
  filter: UsageFilter,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  if (options.pods === true) await printList(await podUsage(client, names, filter), options, invocation);
  else await printList(await containerUsage(client, names, filter), options, invocation);
}

async function usageFilter(client: Client, { pod, namespace, label, trunc }: Options): Promise<UsageFilter> {
  return {
    podId: pod === undefined ? undefined : (await findPod(client, pod)).id,
    namespace,
    labels: parseKeyValues(label ?? [], "--label"),
    trunc: trunc !== false,
  };
}
