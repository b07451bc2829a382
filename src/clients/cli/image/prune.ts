import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, collect, optionsOf } from "../options.ts";
import { confirm } from "../output/confirm.ts";
import { formatBytes } from "../output/units.ts";
import { write } from "../output/write.ts";
import { pruneFilters } from "./prune-filters.ts";

type Options = ConnectionOptions & {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly force?: boolean;
};

const description = `Removes unused images: those without a tag, and with --all also those with tags. Keeps images that a container uses or
mounts or that one is being created from, pinned images, and images that are being pulled. Asks first, unless --force is given.`;

const examples = `
Examples:
  berth image prune
  berth image prune --all --force --filter until=72h
  berth image prune --all --filter label!=keep

Filters:
  until=TIME          only images that have had their names since before TIME: a duration
                      such as 72h before now, or a time such as 2026-01-31T08:00:00Z
  label=KEY[=VALUE]   only images with this label
  label!=KEY[=VALUE]  only images without this label
`;

export function definePrune(command: Command, invocation: Invocation): void {
  const pruning = command
    .command("prune")
    .summary("remove unused images")
    .description(description)
    .option("-a, --all", "also remove images with tags")
    .option("--filter <filter>", "remove only some of them (may be repeated)", collect)
    .option("-f, --force", "do not ask");
  addConnectionOptions(pruning)
    .addHelpText("after", examples)
    .action(() => prune(optionsOf<Options>(pruning), invocation));
}

async function prune(
  { all = false, force = false, ...options }: Options,
  invocation: Invocation,
): Promise<void> {
  const filters = pruneFilters(options.filter ?? [], Date.now());
  using client = await connect(options, invocation);
  if (!force && !(await confirm(question(all, options.filter ?? []), invocation)))
    throw new CliError("Canceled", "nothing was removed; --force removes them without asking");
  const request = berthV1.PruneImagesRequest.fromPartial({ all, ...filters });
  const { images, reclaimedBytes } = await client
    .unary(berthV1.BerthService.pruneImages, request)
    .catch((error: unknown) => {
      throw needsBerthd("image prune", error);
    });
  const lines = images.flatMap(({ untagged, removed }) => [
    ...untagged.map((name) => `untagged: ${name}`),
    `deleted: ${removed}`,
  ]);
  const total = `total reclaimed space: ${formatBytes(reclaimedBytes)}`;
  await write(invocation.io.stdout, `${[...lines, total].join("\n")}\n`);
}

function question(all: boolean, filters: readonly string[]): string {
  const which = all ? "that no container uses" : "without a tag that no container uses";
  const only = filters.length === 0 ? "" : ` (${filters.join(", ")})`;
  return `Remove all images ${which}${only}?`;
}
