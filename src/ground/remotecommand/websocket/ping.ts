import type { WebSocket } from "ws";

/** Unsent answers to a peer that pings and does not read, in bytes, above which it is cut off. */
const MAX_UNSENT_BYTES = 1_048_576;

/**
 * Answers pings, as `ws` would by itself but for the limit: a peer that floods us must not make us hold the
 * answers.
 */
export function answerPings(ws: WebSocket): void {
  ws.on("ping", (data: Buffer) => {
    if (ws.bufferedAmount > MAX_UNSENT_BYTES) ws.terminate();
    else ws.pong(data);
  });
}

/**
 * Pings while the connection is not being read: such a connection does not show that the peer has closed it;
 * writing to it does. Returns what stops it.
 */
export function probe(ws: WebSocket, intervalMs: number): () => void {
  const timer = setInterval(() => {
    if (ws.readyState === ws.OPEN) ws.ping();
  }, intervalMs);
  return () => clearInterval(timer);
}
