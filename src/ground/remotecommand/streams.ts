/** Which of the standard streams a client wants, and whether it wants a terminal. */
export type WantedStreams = {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not together with `tty`. */
  readonly stderr: boolean;
};
