import { DEFAULT_WINDOW } from "./flow-control.ts";
import { defaultLimits, type SpdyLimits } from "./frames.ts";
import type { SpdyStream } from "./stream.ts";

export type SpdySessionOptions = {
  /** The server's streams have even ids, the client's odd ones. */
  readonly role: "server" | "client";
  /** Called for each stream that the peer opens: accept() or reset() it. Without it all are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Called for every frame that comes and every piece of data that goes. */
  readonly onActivity?: () => void;
  /** Most streams open at once; more are refused. Default 100. */
  readonly maxStreams?: number;
  /** What a stream may hold unread, in bytes. Default 256 KiB. */
  readonly streamWindowBytes?: number;
  /** What all streams of a peer with flow control may hold unread together, in bytes. Default 4 MiB. */
  readonly sessionWindowBytes?: number;
  readonly limits?: SpdyLimits;
  /** How often a connection that is not being read is tested for life, in ms. Default 10 s. */
  readonly probeIntervalMs?: number;
  /** How long a peer may take to close the connection once all was sent, in ms. Default 5 s. */
  readonly lingerMs?: number;
};

export type ResolvedOptions = Required<Omit<SpdySessionOptions, "onStream">> &
  Pick<SpdySessionOptions, "onStream">;

export function withDefaults(options: SpdySessionOptions): ResolvedOptions {
  const resolved = {
    onActivity: () => {},
    maxStreams: 100,
    streamWindowBytes: 262_144,
    sessionWindowBytes: 4_194_304,
    limits: defaultLimits,
    probeIntervalMs: 10_000,
    lingerMs: 5_000,
    ...options,
  };
  // The window of a session can only be made larger than it is at the start.
  return { ...resolved, sessionWindowBytes: Math.max(resolved.sessionWindowBytes, DEFAULT_WINDOW) };
}
