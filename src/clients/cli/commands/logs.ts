import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import { type Client, waitForExit } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { copyLog } from "../client/copy-log.ts";
import { retryWhileAway } from "../client/reachable.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseSince } from "../logs/since.ts";
import { containerHelp, findContainerOf } from "../objects/container-of.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { parseCount } from "../values/numbers.ts";

type Options = ConnectionOptions & {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
};

const description = `Shows a container's log: its stdout on stdout and its stderr on stderr. The log file is read
from this machine's disk, at the path that the endpoint reports.`;

const examples = `
Examples:
  berth logs web
  berth logs -f --tail 20 kube-system/dns/server
  berth logs shop/deploy/web
  berth logs --since 10m --timestamps 3f9a
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<container>", containerHelp)
    .option("-f, --follow", "keep following until the container ends, across log rotations")
    .option("-n, --tail <lines>", "show only the last lines")
    .option("--since <time>", "show only lines since a time (RFC 3339) or duration ago (10m)")
    .option("-t, --timestamps", "show the time of each line");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string) => printLog(name, optionsOf<Options>(command), invocation));
}

async function printLog(name: string, options: Options, invocation: Invocation): Promise<void> {
  const printing = {
    ...(options.timestamps === true ? { timestamps: true } : {}),
    ...(options.since === undefined ? {} : { sinceNs: parseSince(options.since, Date.now()) }),
  };
  const tail = options.tail === undefined ? {} : parseTail(options.tail);
  using client = await connect(options, invocation);
  const { container } = await findContainerOf(client, name);
  const until = options.follow === true ? untilOver(client, container.id, invocation) : undefined;
  // Handled here too, because reading may fail before anybody awaits the end.
  until?.catch(() => {});
  await copyLog(
    client,
    container.id,
    { ...tail, ...(until === undefined ? {} : { until }) },
    printing,
    invocation,
  );
}

/** All lines are `all` in docker, and -1 in kubectl and crictl. Throws CliError. */
function parseTail(text: string): { readonly tail?: number } {
  if (text === "all" || text === "-1") return {};
  if (/^\d+$/.test(text)) return { tail: parseCount(text, "--tail") };
  // In kubectl, -n is the option for that.
  throw usageError(
    `--tail ${JSON.stringify(text)} is not a number of lines; a namespace is named before the pod: NAMESPACE/POD`,
  );
}

/**
 * Resolves when the container has ended, or was removed when or after it ended, also if the daemon is
 * restarted in the meantime.
 */
async function untilOver(client: Client, containerId: string, invocation: Invocation): Promise<void> {
  try {
    await retryWhileAway(() => waitForExit(client, containerId), containerId, invocation);
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
  }
}
