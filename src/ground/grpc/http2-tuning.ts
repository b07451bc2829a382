import { subscribe } from "node:diagnostics_channel";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/**
 * Flow-control window of a stream and of a connection. With HTTP/2's default of 64 KiB, a message of 1 MiB
 * takes sixteen round trips.
 */
const windowBytes = 4 * 1024 * 1024;

const widened = new WeakSet<Http2Session>();

/**
 * HTTP/2 for clients on this machine that may use the socket. grpc-js has no options for these, but passes
 * the contents of this field to http2.createServer.
 */
export function tuneHttp2(server: Server): void {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  if (typeof options !== "object" || options === null)
    throw new Error("grpc-js keeps the options of its HTTP/2 server elsewhere");
  Object.assign(options, {
    // Clients that read parts of a blob, such as containerd's, reset a stream for each: more than a thousand
    // within half a minute are not an attack, for which nghttp2 would end the connection.
    streamResetBurst: Number.MAX_SAFE_INTEGER,
    streamResetRate: Number.MAX_SAFE_INTEGER,
    settings: { initialWindowSize: windowBytes },
  });
}

subscribe("http2.server.stream.created", (message) => {
  const { session } = (message as { readonly stream: ServerHttp2Stream }).stream;
  if (session === undefined || widened.has(session)) return;
  widened.add(session);
  session.setLocalWindowSize(windowBytes);
});
