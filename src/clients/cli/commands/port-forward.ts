import { once } from "node:events";
import { isIP, type Socket } from "node:net";
import type { Command } from "commander";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { connect } from "../client/connect.ts";
import { hasUserMessage, usageError } from "../errors.ts";
import { Forwarder } from "../forward/forwarder.ts";
import { type ListenAddress, Listeners, loopbackAddresses } from "../forward/listen.ts";
import { targetPort } from "../forward/target-port.ts";
import type { Invocation } from "../invocation.ts";
import { findPodOf, podHelp } from "../objects/container-of.ts";
import { addConnectionOptions, collect, optionsOf } from "../options.ts";
import { printableLines } from "../output/table.ts";
import { write } from "../output/write.ts";
import { openPortForward } from "../streams/open.ts";
import { addStreamOptions, type StreamOptions } from "../streams/options.ts";
import { type ForwardedPort, parseForwardedPort } from "../values/ports.ts";

type Options = StreamOptions & { readonly bind?: readonly string[] };

const description = `Listens on this machine's ports and forwards every connection to a port of the pod, as if it
came from inside the pod. Without LOCAL, the local port is the same; ":REMOTE" picks a free
one. REMOTE is a port of the pod or, with svc/NAME, of the service; of several pods, one is
chosen. Each address that it listens on is printed on a line of its own. If one connection
fails, an error is printed and the others continue. Ctrl-C stops forwarding.`;

const examples = `
Examples:
  berth port-forward web 8080:80
  berth port-forward default/db 5432 :9187
  berth port-forward svc/web 8080:80
  berth port-forward --bind 0.0.0.0 web 8080:80
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<pod>", podHelp)
    .argument("<[local:]remote...>", "ports")
    .option("--bind <ip>", "address to listen on (default 127.0.0.1 and ::1; may be repeated)", collect);
  addStreamOptions(command, { transport: false });
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string, ports: string[]) =>
      portForward(name, ports.map(parseForwardedPort), optionsOf<Options>(command), invocation),
    );
}

async function portForward(
  name: string,
  asked: readonly ForwardedPort[],
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const { address = "", bind } = options;
  // In kubectl, that is the option to listen on another one.
  if (isIP(address) !== 0)
    throw usageError(`--address ${address} is not a socket; \`--bind ${address}\` listens on that address`);
  const addresses = bind?.map(parseBind) ?? loopbackAddresses;
  using client = await connect(options, invocation);
  const { sandbox, found } = await findPodOf(client, name);
  const podSandboxId = sandbox.id;
  const ports = asked.map(({ local, remote }) => ({ local, remote: targetPort(remote, found) }));
  const { io, signal } = invocation;
  const remotes = [...new Set(ports.map(({ remote }) => remote))];
  await using forwarder = new Forwarder(() =>
    openPortForward({ podSandboxId, ports: remotes }, { client, options, signal }),
  );
  await forwarder.ready();
  const ending = Promise.withResolvers<never>();
  // Handled here too, because it may reject before anybody awaits it.
  ending.promise.catch(() => {});
  const forward = async (socket: Socket, remote: number) => {
    try {
      await forwarder.forward(socket, remote);
    } catch (error) {
      if (signal.aborted) return;
      if (isGone(error)) ending.reject(error);
      else io.stderr.write(`berth: port ${remote}: ${printableLines(messageOf(error))}\n`);
    }
  };
  using listeners = new Listeners();
  for (const port of ports)
    await listeners.add(port, addresses, (socket, remote) => void forward(socket, remote));
  for (const { at, remote } of listeners.all) await write(io.stdout, `Forwarding from ${at} -> ${remote}\n`);
  signal.throwIfAborted();
  await Promise.race([once(signal, "abort"), ending.promise]);
  throw signal.reason;
}

/** Whether the endpoint reports that the pod is gone or not running. */
function isGone(error: unknown): boolean {
  return hasCode(error, "NotFound") || (hasCode(error, "FailedPrecondition") && hasUserMessage(error));
}

function parseBind(ip: string): ListenAddress {
  if (isIP(ip) === 0) throw usageError(`--bind ${JSON.stringify(ip)} is not an IP address`);
  return { ip, required: true };
}
