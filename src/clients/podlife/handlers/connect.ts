import { connect } from "node:net";

/** Opens a connection and closes it. Throws if that fails. */
export async function connectTo(host: string, port: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port });
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.on("connect", () => resolve()).on("error", reject);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  }
}
