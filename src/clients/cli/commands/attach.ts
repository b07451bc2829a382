import type { Command } from "commander";
import { endedStatus, Hold } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { containerHelp, findContainerOf } from "../objects/container-of.ts";
import { addConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { openAttach } from "../streams/open.ts";
import {
  addInteractiveOptions,
  addStreamOptions,
  type InteractiveOptions,
  type StreamOptions,
} from "../streams/options.ts";
import { planSession, runSession } from "../streams/session.ts";

type Options = StreamOptions & InteractiveOptions;

const description = `Shows the output of a running container from now on, and with -i sends it our input. The
container must have been created with stdin and, for -t, with a terminal. When the container
ends, berth exits with its exit status. Ctrl-C detaches and the container keeps running; with
-i and -t it is sent to the container, and the detach keys detach.`;

const examples = `
Examples:
  berth attach web
  berth attach -it default/shell
  berth attach -it --detach-keys ctrl-x,x shell
`;

export function define(command: Command, invocation: Invocation): void {
  invocation.failureExitCode = exitCode.ownFailure;
  command.description(description).argument("<container>", containerHelp);
  addInteractiveOptions(command);
  addStreamOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string) => attach(name, optionsOf<Options>(command), invocation));
}

async function attach(name: string, options: Options, invocation: Invocation): Promise<void> {
  const plan = planSession(options, invocation.io);
  using client = await connect(options, invocation);
  const { container } = await findContainerOf(client, name);
  const { io, signal } = invocation;
  const target = { containerId: container.id, ...plan };
  // One of `berth run --rm` is removed when it ends, and with it its status.
  await using _hold = await Hold.ofContainer(client, container.id).take();
  await using attached = await openAttach(target, { client, options, signal });
  const outcome = await runSession(attached, { ...plan, redraw: true }, io);
  if (outcome.kind === "detached") await write(io.stderr, "berth: detached; the container keeps running\n");
  else invocation.exitCode = (await endedStatus(client, container.id))?.exitCode ?? exitCode.ok;
}
