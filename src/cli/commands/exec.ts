import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import { execSync } from "../client/exec-sync.ts";
import { findContainer } from "../client/objects.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { parseDuration } from "../values/duration.ts";

type Options = ConnectionOptions & { readonly stdin?: boolean; readonly tty?: boolean };

const description = `Runs a command in a running container and ends with its exit status. Its output is shown when it has ended; --timeout
says how long it may run.`;

const examples = `
Examples:
  berth exec web cat /etc/resolv.conf
  berth exec default/web/server sh -c 'echo $HOSTNAME'
  berth exec --timeout 10s 3f9a /probe
`;

export function define(command: Command, invocation: Invocation): void {
  invocation.failureExitCode = exitCode.ownFailure;
  command
    .description(description)
    .argument("<container>", "id or name")
    .argument("<command...>", "the program and its arguments")
    .option("-i, --stdin", "not available yet")
    .option("-t, --tty", "not available yet")
    .passThroughOptions();
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string, args: string[]) => exec(name, args, optionsOf<Options>(command), invocation));
}

async function exec(
  name: string,
  args: readonly string[],
  options: Options,
  invocation: Invocation,
): Promise<void> {
  if (options.stdin === true || options.tty === true) {
    throw usageError("exec gives a command neither input nor a terminal yet: leave out -i and -t");
  }
  using client = await connect(options, invocation);
  const { container } = await findContainer(client, name);
  const timeoutMs = options.timeout === undefined ? 0 : parseDuration(options.timeout, "--timeout");
  invocation.exitCode = await execSync(client, { containerId: container.id, args, timeoutMs }, invocation.io);
}
