import type { WebSocket } from "ws";

/** Unsent bytes above which a peer that sends pings without reading is disconnected. */
const MAX_UNSENT_BYTES = 1_048_576;

/**
 * Answers pings like `ws` itself, but with a limit: the answers to a peer that sends many and reads none must
 * not accumulate.
 */
export function answerPings(ws: WebSocket): void {
  ws.on("ping", (data: Buffer) => {
    if (ws.bufferedAmount > MAX_UNSENT_BYTES) ws.terminate();
    else ws.pong(data);
  });
}

/**
 * Sends pings while the connection is not being read: only writing then detects that the peer has closed it.
 * Returns a function that stops the pings.
 */
export function probe(ws: WebSocket, intervalMs: number): () => void {
  const timer = setInterval(() => {
    if (ws.readyState === ws.OPEN) ws.ping();
  }, intervalMs);
  return () => clearInterval(timer);
}
