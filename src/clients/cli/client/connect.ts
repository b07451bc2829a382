import { type Client, connectEndpoint } from "../../criclient/index.ts";
import type { Invocation } from "../invocation.ts";
import type { ConnectionOptions } from "../options.ts";
import { parseDuration } from "../values/duration.ts";
import { defaultAddress, socketPath } from "./address.ts";

const defaultTimeout = "2m";

/** Connects to the endpoint that the options or BERTH_ADDRESS name. Throws UnreachableError, and CliError for options that cannot be used. */
export async function connect(
  { address, timeout }: ConnectionOptions,
  { io, signal }: Invocation,
): Promise<Client> {
  const path = socketPath(address ?? (io.env.BERTH_ADDRESS || defaultAddress));
  const timeoutMs = parseDuration(timeout ?? defaultTimeout, "--timeout");
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
