import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { StreamingError } from "./errors.ts";

/**
 * Answers the WebSocket handshake. `protocol` is the chosen subprotocol, "" for none. Messages over
 * `maxMessageBytes` end the connection with code 1009. `use` is called before the first message can come, and
 * what it returns is handed on. Rejects with StreamingError InvalidArgument when the handshake is wrong; the
 * socket is then still to be answered.
 */
export async function upgradeToWebSocket<T>(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { protocol, maxMessageBytes }: { readonly protocol: string; readonly maxMessageBytes: number },
  use: (ws: WebSocket) => T,
): Promise<T> {
  const disconnected = () =>
    new StreamingError("Canceled", "the client disconnected during the WebSocket handshake");
  // Loaded with the first: streams of a cluster come over SPDY.
  const { WebSocketServer } = await import("ws");
  if (socket.destroyed) throw disconnected();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression would let a small message expand, and costs memory for each connection.
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    autoPong: false,
  });
  // Kubernetes' names of tunnelled protocols have a slash in them, which `ws` does not take. The choice is
  // made already, so it is kept from seeing them.
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve, reject) => {
    const onClose = () => reject(disconnected());
    socket.once("close", onClose);
    server.on("wsClientError", (error) => {
      reject(
        new StreamingError("InvalidArgument", `WebSocket handshake: ${error.message}`, { cause: error }),
      );
    });
    server.handleUpgrade(request, socket, head, (ws) => {
      socket.off("close", onClose);
      resolve(use(ws));
    });
  });
}
