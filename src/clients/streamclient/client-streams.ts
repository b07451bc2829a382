import type { Duplex, Readable, Writable } from "node:stream";
import type {
  RemoteCommandVersion,
  StreamConnection,
  WantedStreams,
} from "../../ground/remotecommand/index.ts";
import type { ClientTls } from "./http-upgrade.ts";

/** "auto" tries WebSocket and then SPDY. */
export type Transport = "auto" | "websocket" | "spdy";

export type RemoteCommandOptions = WantedStreams & {
  /** Asks the runtime for a URL; called once for each attempt. */
  readonly url: () => Promise<URL>;
  /** Default "auto". */
  readonly transport?: Transport;
  readonly tls?: ClientTls;
  /** Ends the connection at any time. */
  readonly signal?: AbortSignal;
};

/** The streams of a remote command as they came; for this room only. */
export type ClientStreams = {
  readonly connection: StreamConnection;
  readonly version: RemoteCommandVersion;
  readonly error: Readable;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly resize: Duplex | undefined;
};
