import type { Duplex, Readable, Writable } from "node:stream";

/**
 * What an engine must do besides {@link "./engine.ts".Engine} so that Exec, Attach and PortForward can be
 * served: the streaming server is written against this alone. Ids are full ones: a client gets a URL only for
 * what exists.
 */
export interface Streams {
  /**
   * Runs a command in a running container and connects it to `io`. Resolves once the process has exited and
   * all of its output is written to `io`; with exit codes of 128+n for signals, and 126 or 127, with the
   * reason on stderr, for a command that cannot be run. When `signal` aborts (the client is gone, or the
   * server closes) its processes are killed. Rejects with BerthError: NotFound, FailedPrecondition (not
   * running), Internal, Canceled.
   */
  exec(request: ExecRequest, io: StreamIo, signal: AbortSignal): Promise<{ readonly exitCode: number }>;
  /**
   * Connects `io` to a running container's first process: its output from now on, and its stdin if it was
   * made with one. Resolves when the process has exited. When `signal` aborts the client is taken off and the
   * process goes on. Rejects like exec, and with ResourceExhausted for a client that is 4 MiB behind and
   * takes no output for ten seconds, or when the process has ended: it would hold up the container, its log
   * and everybody else who is attached.
   */
  attach(request: AttachRequest, io: StreamIo, signal: AbortSignal): Promise<void>;
  /**
   * Connects to a TCP port on the loopback addresses of a sandbox and copies both ways, with half-closes,
   * until both directions have ended or `signal` aborts. A connection that breaks on the way resolves as
   * well, with `connection` destroyed. Rejects only when there was no connection, with BerthError: NotFound,
   * FailedPrecondition (not ready), Unavailable (nothing listens there); kubectl ends all of its forwarding
   * then.
   */
  portForward(sandboxId: string, port: number, connection: Duplex, signal: AbortSignal): Promise<void>;
}

/**
 * The near ends of a client's streams; undefined is a stream that was not asked for. All have back-pressure:
 * while a write is not taken, the process that makes the output has to wait, and stdin that is not read stops
 * the client.
 *
 * The engine reads and writes; ending the writables is up to the server and happens when the engine's call is
 * over. A stream is destroyed with an error when the client is gone or gives up that stream.
 */
export type StreamIo = {
  /** Ends when the client closes its stdin. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  /** Never with a terminal. */
  readonly stderr: Writable | undefined;
  /**
   * Sizes of the client's terminal, the present one first; ends with the connection. To be read by one
   * reader.
   */
  readonly resize: AsyncIterable<TerminalSize>;
};

/** In characters, at most 65,535. */
export type TerminalSize = { readonly width: number; readonly height: number };

export type ExecRequest = {
  readonly containerId: string;
  readonly args: readonly string[];
  /** The command gets a terminal. An attached client has one when the container's first process does. */
  readonly tty: boolean;
};

export type AttachRequest = { readonly containerId: string };
