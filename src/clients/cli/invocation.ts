import type { Readable, Writable } from "node:stream";

/** The context of one run of the command line. */
export type Invocation = {
  readonly io: Io;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Set by a command whose status is not 0 although berth has not failed. */
  exitCode: number;
  /**
   * Set by a command whose status is that of a program in a container: the status for berth's own failures.
   */
  failureExitCode?: number;
};

export type Io = {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called when nobody reads our output any more; if it is not set, the process ends. */
  onBrokenPipe?: () => void;
  /** Our exit status then; 0 unless set, by commands whose output is of no use without its end. */
  brokenPipeStatus?: number;
};

/** For a terminal, `isTTY` is true and raw mode can be set. */
export type InputStream = Readable & {
  readonly isTTY?: boolean;
  readonly setRawMode?: (raw: boolean) => unknown;
};

/** For a terminal, `isTTY` is true; it has a size in characters and emits "resize". */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};
