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

const description = `Changes the resource limits of containers. For a running container this takes effect at once,
otherwise when it starts. Limits that are not given stay as they are. A memory limit below the
current usage is refused.`;

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
    .option("--cpus <count>", "CPU limit, such as 0.5; sets period, quota and share")
    .option("--cpu-period <us>", "period of the CPU quota, in microseconds")
    .option("--cpu-quota <us>", "CPU time per period, in microseconds; -1 removes the quota")
    .option("--cpu-share <weight>", "relative CPU weight; 1024 is the usual value")
    .option("--cpuset-cpus <list>", "CPUs to run on, such as 0-2,7")
    .option("--cpuset-mems <list>", "memory nodes to use")
    .option("--memory <size>", "memory limit, such as 512m; -1 removes the limit")
    .option(
      "--memory-swap <size>",
      "limit of memory and swap together; if omitted, a new memory limit allows no swap",
    )
    .option(
      "--hugepages <size=limit>",
      "limit of huge pages of a size, such as 2MB=64m (may be repeated)",
      collect,
    )
    .option("--oom-score-adj <score>", "-1000 to 1000: higher scores are killed first when memory runs out")
    .option("--unified <file=value>", "value for a file of its cgroup v2 (may be repeated)", collect);
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
