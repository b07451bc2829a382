import { connect } from "node:net";
import { raceAbort } from "../../../ground/sync/index.ts";

/** Opens a connection and closes it. Throws if that fails. */
export async function connectTo(host: string, port: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port });
  socket.on("connect", () => resolve()).on("error", reject);
  try {
    await raceAbort(promise, signal);
  } finally {
    socket.destroy();
  }
}
