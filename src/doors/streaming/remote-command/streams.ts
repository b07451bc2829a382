import type { Readable, Writable } from "node:stream";
import type { RemoteCommandVersion, StreamConnection } from "../../../ground/remotecommand/index.ts";

/** A client's streams for one exec or attach, however they came. */
export type RemoteCommandStreams = {
  readonly connection: StreamConnection;
  readonly version: RemoteCommandVersion;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Takes the outcome. */
  readonly error: Writable;
  /** JSON objects {"Width":..,"Height":..}; undefined when the version has none. */
  readonly resize: Readable | undefined;
};
