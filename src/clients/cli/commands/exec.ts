import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { execSync } from "../client/exec-sync.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { containerHelp, findContainerOf } from "../objects/container-of.ts";
import { addConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { openExec } from "../streams/open.ts";
import {
  addInteractiveOptions,
  addStreamOptions,
  type InteractiveOptions,
  type StreamOptions,
} from "../streams/options.ts";
import { planSession, runSession, type SessionPlan } from "../streams/session.ts";
import { parseDuration } from "../values/duration.ts";

type Options = StreamOptions & InteractiveOptions;

const description = `Runs a command in a running container, shows its output as it arrives and exits with its exit
status. Ctrl-C ends the command; with -i and -t it is sent to the command like any other key. The
detach keys close the connection, and berthd then ends the command. With --timeout and without -i
and -t, the runtime itself ends the command after that time, and the output is shown once the
command has ended.`;

const examples = `
Examples:
  berth exec web cat /etc/resolv.conf
  berth exec -it default/web/server sh
  berth exec -i db psql < dump.sql
  berth exec --timeout 10s 3f9a /probe
`;

export function define(command: Command, invocation: Invocation): void {
  invocation.failureExitCode = exitCode.ownFailure;
  command
    .description(description)
    .argument("<container>", containerHelp)
    .argument("<command...>", "the program and its arguments")
    .passThroughOptions();
  addInteractiveOptions(command);
  addStreamOptions(command);
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
  if (args[0] === "--" && args.length === 1) throw usageError("missing the command behind --");
  const plan = planSession(options, invocation.io);
  const timeoutMs = options.timeout === undefined ? 0 : parseDuration(options.timeout, "--timeout");
  using client = await connect(options, invocation);
  const { container } = await findContainerOf(client, name);
  const request = { containerId: container.id, args: args[0] === "--" ? args.slice(1) : args };
  const plain = !plan.stdin && !plan.tty;
  if (plain && timeoutMs > 0) {
    invocation.exitCode = await execSync(client, { ...request, timeoutMs }, invocation.io);
    return;
  }
  try {
    await execStreaming(client, { ...request, plan, options }, invocation);
  } catch (error) {
    // An endpoint without streaming has not run anything yet.
    if (!plain || !hasCode(error, "Unimplemented")) throw error;
    invocation.exitCode = await execSync(client, { ...request, timeoutMs: 0 }, invocation.io);
  }
}

async function execStreaming(
  client: Client,
  request: {
    readonly containerId: string;
    readonly args: readonly string[];
    readonly plan: SessionPlan;
    readonly options: StreamOptions;
  },
  invocation: Invocation,
): Promise<void> {
  const { containerId, args, plan, options } = request;
  const { io, signal } = invocation;
  await using running = await openExec({ containerId, args, ...plan }, { client, options, signal });
  const outcome = await runSession(running, plan, io);
  if (outcome.kind === "detached") await write(io.stderr, "berth: detached; the command was ended\n");
  invocation.exitCode = outcome.kind === "ended" ? outcome.exitCode : exitCode.interrupted;
}
