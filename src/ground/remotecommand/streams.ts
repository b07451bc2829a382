/** A client's upgraded connection, whatever it speaks. */
export interface StreamConnection {
  /** Aborted as soon as the client is gone, broke the protocol, or the connection is closed from here. */
  readonly signal: AbortSignal;
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  /** Ends all streams, waits until the client's side has taken all that was written, and closes. */
  close(): Promise<void>;
  /** Closes at once. */
  destroy(error?: Error): void;
}

/** Which of the standard streams a client wants, and whether it wants a terminal. */
export type WantedStreams = {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not together with `tty`. */
  readonly stderr: boolean;
};
