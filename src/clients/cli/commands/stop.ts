import type { Command } from "commander";
import { findPodOrContainer, stopContainer, stopPod, withItsPod } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { parseCount } from "../values/numbers.ts";
import { forEachName } from "./each-name.ts";

type Options = ConnectionOptions & TypeOption<"pod" | "container"> & { readonly time?: string };

const defaultGrace = "10";

const description = `Stops pods or containers: sends the stop signal, then SIGKILL to processes still running after
the grace period. Stopping a pod also tears down its network. Containers started by \`berth run\`
are stopped together with their pod.`;

const examples = `
Examples:
  berth stop web
  berth stop -t 60 default/db 3f9a
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<name...>", "ids or names of pods or containers")
    .option("-t, --time <seconds>", `grace period (default ${defaultGrace})`);
  addTypeOption(command, ["pod", "container"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => stop(names, optionsOf<Options>(command), invocation));
}

/** Also used by `berth kill`, without a grace period. */
export async function stop(
  names: readonly string[],
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const grace = parseCount(options.time ?? defaultGrace, "--time");
  using client = await connect(options, invocation);
  const stopOne = async (name: string) => {
    const named = await findPodOrContainer(client, name, options.type);
    const found = options.type === undefined ? withItsPod(named) : named;
    if (found.kind === "pod") await stopPod(client, found.pod.id, grace);
    else await stopContainer(client, found.container.id, grace);
  };
  // All at once, so that their grace periods do not add up.
  const stopping = new Map([...new Set(names)].map((name) => [name, stopOne(name)]));
  // Handled here too, because one may fail before it is its turn to be reported.
  for (const one of stopping.values()) one.catch(() => {});
  await forEachName(names, async (name) => await stopping.get(name), invocation);
}
