import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { messageOf } from "../../../ground/errors/index.ts";

/** The engine's port-forward for one sandbox. */
export type Forward = (port: number, connection: Duplex, signal: AbortSignal) => Promise<void>;

/** The two streams of one forwarded connection. */
export type ForwardedPair = { readonly port: number; readonly data: Duplex; readonly error: Duplex };

/**
 * Forwards one connection and tells the client on the error stream if that failed. A client that gave up its
 * data stream is told nothing: kubectl takes any message there for the end of all its forwarding.
 */
export async function forwardPair(
  { port, data, error }: ForwardedPair,
  forward: Forward,
  signal: AbortSignal,
): Promise<void> {
  // The client sends nothing here, but its end has to be seen.
  error.resume();
  const message = await failureOf(() => forward(port, data, signal));
  const clientGaveUp = data.errored !== null;
  if (message === undefined || clientGaveUp) {
    error.end();
    data.end();
    data.resume();
  } else {
    error.end(`error forwarding port ${port}: ${message}`);
    // The message has to be on its way before the data stream's reset makes the client look for it.
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
