import { DEFAULT_WINDOW } from "./flow-control.ts";
import { defaultLimits, type SpdyLimits } from "./frames.ts";
import type { SpdyStream } from "./stream.ts";

export type SpdySessionOptions = {
  /** Streams opened by the server have even ids, those by the client odd ones. */
  readonly role: "server" | "client";
  /** Called for each stream that the peer opens; must accept() or reset() it. By default, all are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Called for every received frame and all sent data. */
  readonly onActivity?: () => void;
  /** Maximum of open streams; further ones are refused. Default 100. */
  readonly maxStreams?: number;
  /** Maximum of unread bytes of a stream. Default 256 KiB. */
  readonly streamWindowBytes?: number;
  /** Maximum of unread bytes of all streams together, if the peer has flow control. Default 4 MiB. */
  readonly sessionWindowBytes?: number;
  readonly limits?: SpdyLimits;
  /** Interval of pings while the connection is not being read, in ms. Default 10 s. */
  readonly probeIntervalMs?: number;
  /** How long the peer may take to close the connection after everything was sent, in ms. Default 5 s. */
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
  // The protocol has no way to reduce a session's window.
  return { ...resolved, sessionWindowBytes: Math.max(resolved.sessionWindowBytes, DEFAULT_WINDOW) };
}
