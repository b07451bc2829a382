import type { Readable, Writable } from "node:stream";

/** What one run of the command line has to do with. */
export type Invocation = {
  readonly io: Io;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Set by a command that ends with another status than 0 although nothing went wrong in berth. */
  exitCode: number;
  /** Set by a command whose status is that of a program it runs: the status of berth's own failures then. */
  failureExitCode?: number;
};

export type Io = {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called when our output can go nowhere any more; where it is not set, that is our end. */
  onBrokenPipe?: () => void;
};

/** A terminal has `isTTY`, and modes. */
export type InputStream = Readable & {
  readonly isTTY?: boolean;
  readonly setRawMode?: (raw: boolean) => unknown;
};

/** A terminal has `isTTY`, a size in characters, and emits "resize". */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};
