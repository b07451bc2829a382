import { subscribe } from "node:diagnostics_channel";
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { longestTimerMs } from "../clock/index.ts";

/**
 * Flow-control window of a stream and of a connection. With HTTP/2's default of 64 KiB, a message of 1 MiB
 * takes sixteen round trips.
 */
const windowBytes = 4 * 1024 * 1024;

const widened = new WeakSet<Http2Session>();

/** Milliseconds of the units of deadlines; eight digits of the others are two days at the most. */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000 };

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
  const { stream, headers } = message as CreatedStream;
  leaveLongDeadline(headers);
  const { session } = stream;
  if (session === undefined || widened.has(session)) return;
  widened.add(session);
  session.setLocalWindowSize(windowBytes);
});

type CreatedStream = { readonly stream: ServerHttp2Stream; readonly headers: IncomingHttpHeaders };

/**
 * Leaves a deadline that Node's timers cannot keep to the client, which keeps it too: grpc-js (1.14.7) cuts
 * it to 32 bits of milliseconds, so that one in 25 days is over at once and one in 50 days within the day.
 * A kubelet's StopContainer has such a deadline for a pod with a grace period of a month.
 */
function leaveLongDeadline(headers: IncomingHttpHeaders): void {
  const [, digits, unit = ""] = /^(\d{1,8})([HMS])$/.exec(String(headers["grpc-timeout"])) ?? [];
  if (Number(digits) * (unitMs[unit] ?? 0) > longestTimerMs) delete headers["grpc-timeout"];
}
