import type { Command } from "commander";
import { RuntimeServiceService, UpdateContainerResourcesRequest } from "../../../ground/protocol/index.ts";
import { findContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, collect, optionsOf } from "../options.ts";
import { requestedResources, type UpdateOptions } from "../update/resources.ts";
import { forEachName } from "./each-name.ts";

type Options = ConnectionOptions & UpdateOptions;

const description = `Changes the limits of containers: at once where they run, else from their start on. What is not given stays as it is.
A limit on memory below what is in use is refused.`;

const examples = `
Examples:
  berth update --memory 512m web
  berth update --cpus 1.5 --memory 1g --memory-swap 2g default/db/server
  berth update --cpu-quota -1 --cpuset-cpus 0-3 3f9a
  berth update --oom-score-adj 500 --hugepages 2MB=64m web
  berth update --unified memory.high=400000000 web
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<container...>", "ids or names of containers")
    .option("--cpus <count>", "processors that it may use, such as 0.5: period, quota and share together")
    .option("--cpu-period <us>", "length of a period of the CPU quota, in microseconds")
    .option("--cpu-quota <us>", "CPU time in each period, in microseconds; -1 takes the quota away")
    .option("--cpu-share <weight>", "CPU weight among others, 1024 being usual")
    .option("--cpuset-cpus <list>", "processors that it may run on, such as 0-2,7")
    .option("--cpuset-mems <list>", "memory nodes that it may use")
    .option("--memory <size>", "memory that it may use, such as 512m; -1 takes the limit away")
    .option(
      "--memory-swap <size>",
      "memory and swap together; without it a new limit on memory allows no swap",
    )
    .option(
      "--hugepages <size=limit>",
      "huge pages of a size, such as 2MB=64m (may be given several times)",
      collect,
    )
    .option("--oom-score-adj <score>", "from -1000 to 1000: the higher, the sooner it is killed for memory")
    .option("--unified <file=value>", "a file of its version 2 cgroup (may be given several times)", collect);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => update(names, optionsOf<Options>(command), invocation));
}

async function update(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const linux = requestedResources(options);
  if (linux === undefined) throw usageError("give at least one limit to change");
  using client = await connect(options, invocation);
  const updateOne = async (name: string) => {
    const { container } = await findContainer(client, name);
    const request = UpdateContainerResourcesRequest.fromPartial({ containerId: container.id, linux });
    await client.unary(RuntimeServiceService.updateContainerResources, request);
  };
  await forEachName(names, updateOne, invocation);
}
