import type { Invocation } from "../invocation.ts";
import type { ConnectionOptions } from "../options.ts";
import { parseDuration } from "../values/duration.ts";
import { defaultAddress, socketPath } from "./address.ts";
import { Client } from "./client.ts";
import { probeSocket } from "./probe.ts";

const defaultTimeout = "2m";

/** Connects to the endpoint that the options or BERTH_ADDRESS name. Throws CliError with exit status 4 when that fails. */
export async function connect(
  { address, timeout }: ConnectionOptions,
  { io, signal }: Invocation,
): Promise<Client> {
  const path = socketPath(address ?? (io.env.BERTH_ADDRESS || defaultAddress));
  const timeoutMs = parseDuration(timeout ?? defaultTimeout, "--timeout");
  await probeSocket(path, signal);
  const client = new Client(path, {
    signal,
    timeoutMs: timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs,
  });
  try {
    await client.ready();
    return client;
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}
