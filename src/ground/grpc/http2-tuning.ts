import { subscribe } from "node:diagnostics_channel";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/**
 * What a client may send before it hears that some of it was taken, of one call and of all calls of a
 * connection. With HTTP/2's own 64 KiB a message of 1 MiB is sixteen round trips.
 */
const windowBytes = 4 * 1024 * 1024;

const widened = new WeakSet<Http2Session>();

/**
 * HTTP/2 for clients on this machine that may use the socket. grpc-js has no options for these, and gives
 * what is in this field of its to http2.createServer.
 */
export function tuneHttp2(server: Server): void {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  if (typeof options !== "object" || options === null)
    throw new Error("grpc-js keeps the options of its HTTP/2 server elsewhere");
  Object.assign(options, {
    // Who reads parts of a blob resets a stream for each, as containerd's client does: more than a thousand
    // within half a minute are no attack, and nghttp2 would end the connection of such a client.
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
