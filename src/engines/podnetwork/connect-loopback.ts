import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { messageOf } from "../../ground/errors/index.ts";
import { connectInNamespace } from "../../ground/linux/index.ts";
import { EngineError } from "../engine/index.ts";

export type LoopbackPort = {
  /** Undefined is the host's network. */
  readonly netnsPath: string | undefined;
  readonly port: number;
};

/** In the order in which containerd and CRI-O try "localhost". */
const loopbackAddresses = ["127.0.0.1", "::1"];

/**
 * Connects to a TCP port of a pod as its own processes would with "localhost". Throws EngineError
 * Unavailable, and the signal's reason.
 */
export async function connectLoopback(target: LoopbackPort, signal: AbortSignal): Promise<Socket> {
  const failures: string[] = [];
  for (const host of loopbackAddresses) {
    try {
      return await connectTo(host, target, signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(messageOf(error));
    }
  }
  throw new EngineError("Unavailable", `connect to port ${target.port} of the pod: ${failures.join("; ")}`);
}

async function connectTo(
  host: string,
  { netnsPath, port }: LoopbackPort,
  signal: AbortSignal,
): Promise<Socket> {
  if (netnsPath !== undefined) return connectInNamespace({ netnsPath, host, port }, signal);
  const socket = connect({ host, port, allowHalfOpen: true });
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
