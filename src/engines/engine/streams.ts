import type { Duplex, Readable, Writable } from "node:stream";

/**
 * What an engine provides, in addition to {@link "./engine.ts".Engine}, for Exec, Attach and PortForward; the
 * streaming server depends only on this. Ids are complete: clients get URLs only for existing objects.
 */
export interface Streams {
  /**
   * Runs a command in a running container and connects it to `io`. Resolves once the process has exited and
   * all of its output is written to `io`; the exit code is 128+n for signals, and 126 or 127, with the reason
   * on stderr, for a command that cannot be run. When `signal` aborts (the client is gone, or the server
   * closes), its processes are killed. Rejects with BerthError: NotFound, FailedPrecondition (not running),
   * Internal, Canceled.
   */
  exec(request: ExecRequest, io: StreamIo, signal: AbortSignal): Promise<{ readonly exitCode: number }>;
  /**
   * Connects `io` to a running container's first process: its output from now on, and its stdin if it was
   * created with one. Resolves when the process has exited. When `signal` aborts, the client is detached and
   * the process continues. Rejects like exec, and with ResourceExhausted if the client is 4 MiB behind and
   * reads no output for ten seconds, or when the process has ended: otherwise it would block the container,
   * its log and other attached clients.
   */
  attach(request: AttachRequest, io: StreamIo, signal: AbortSignal): Promise<void>;
  /**
   * Connects to a TCP port on the loopback addresses of a sandbox and copies both ways, with half-closes,
   * until both directions have ended or `signal` aborts. Also resolves if an established connection breaks,
   * with `connection` destroyed. Rejects only if no connection was made, with BerthError: NotFound,
   * FailedPrecondition (not ready), Unavailable (nothing listens there); kubectl then ends all of its
   * forwarding.
   */
  portForward(sandboxId: string, port: number, connection: Duplex, signal: AbortSignal): Promise<void>;
}

/**
 * The server's ends of a client's streams; undefined for a stream that was not requested. All have
 * back-pressure: a client that does not read blocks the process's output, and a process that does not read
 * its stdin blocks the client.
 *
 * The engine reads and writes; the server ends the writables after the engine's call. A stream is destroyed
 * with an error if the client is gone or resets it.
 */
export type StreamIo = {
  /** Ends when the client closes its stdin. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  /** Never with a terminal. */
  readonly stderr: Writable | undefined;
  /** Sizes of the client's terminal, the current one first; ends with the connection. Only for one reader. */
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
