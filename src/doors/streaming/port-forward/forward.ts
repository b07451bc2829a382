import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { messageOf } from "../../../ground/errors/index.ts";

/** The engine's port-forward for one sandbox. */
export type Forward = (port: number, connection: Duplex, signal: AbortSignal) => Promise<void>;

/** The two streams of one forwarded connection. */
export type ForwardedPair = { readonly port: number; readonly data: Duplex; readonly error: Duplex };

/**
 * Forwards one connection, and reports failures to the client on the error stream. If the client has reset
 * its data stream, nothing is reported: kubectl ends all of its forwarding after any message there.
 */
export async function forwardPair(
  { port, data, error }: ForwardedPair,
  forward: Forward,
  signal: AbortSignal,
): Promise<void> {
  // The client sends nothing here, but its end must be read.
  error.resume();
  const message = await failureOf(() => forward(port, data, signal));
  const clientGaveUp = data.errored !== null;
  if (message === undefined || clientGaveUp) {
    error.end();
    data.end();
    data.resume();
  } else {
    error.end(`error forwarding port ${port}: ${message}`);
    // The message must be sent before the data stream's reset makes the client read it.
    await finished(error, { readable: false }).catch(() => {});
    data.destroy();
  }
}

async function failureOf(call: () => Promise<void>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
