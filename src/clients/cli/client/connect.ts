import { resolve } from "node:path";
import { type Client, connectEndpoint } from "../../criclient/index.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { ConnectionOptions } from "../options.ts";
import { parseDuration } from "../values/duration.ts";

/** berthd's default socket. */
const defaultAddress = "/run/berth/berth.sock";

/**
 * Parses the path of a socket: `unix:///run/x.sock`, `unix:/run/x.sock` or a path. Throws CliError for
 * another scheme.
 */
function socketPath(address: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1];
  if (scheme !== undefined && scheme !== "unix") {
    throw usageError(
      `--address ${JSON.stringify(address)}: only unix sockets are supported: give a path, or a URL such as unix:///run/berth/berth.sock`,
    );
  }
  const path = address.replace(/^unix:(\/\/)?/, "");
  if (path === "") throw usageError("--address is empty: give the path of a unix socket");
  return resolve(path);
}

/** The path of the socket that the options or BERTH_ADDRESS name. Throws CliError. */
export function endpointPath({ address }: ConnectionOptions, { env }: Invocation["io"]): string {
  return socketPath(address ?? (env.BERTH_ADDRESS || defaultAddress));
}

const defaultTimeout = "2m";

/**
 * Connects to the endpoint that the options or BERTH_ADDRESS name. Throws UnreachableError, and CliError for
 * invalid options.
 */
export async function connect(options: ConnectionOptions, { io, signal }: Invocation): Promise<Client> {
  const path = endpointPath(options, io);
  const timeoutMs = parseDuration(options.timeout ?? defaultTimeout, "--timeout");
  return await connectEndpoint(path, {
    signal,
    timeoutMs: timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs,
    hints: {
      address: "use --address or BERTH_ADDRESS for another socket",
      timeout: "--timeout gives it more",
      ...(path === defaultAddress && { start: "Start it with `systemctl start berthd`" }),
    },
  });
}
