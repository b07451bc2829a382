/** A client's upgraded connection, of any protocol. */
export interface StreamConnection {
  /** Aborts once the client has disconnected or broken the protocol, or the connection is closed here. */
  readonly signal: AbortSignal;
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  /** Ends all streams, waits until everything that was written is sent, and closes. */
  close(): Promise<void>;
  /** Closes at once. */
  destroy(error?: Error): void;
}

/** The standard streams that a client requests, and whether it requests a terminal. */
export type WantedStreams = {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not allowed with `tty`. */
  readonly stderr: boolean;
};
