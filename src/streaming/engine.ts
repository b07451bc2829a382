import type {
  AttachRequest as EngineAttachRequest,
  ExecRequest as EngineExecRequest,
} from "../engine/index.ts";

/** What streaming needs from an engine. */
export type { StreamIo, Streams as StreamingEngine, TerminalSize } from "../engine/index.ts";

/** Which of the standard streams a client wants, and whether it wants a terminal. */
export type WantedStreams = {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not together with `tty`. */
  readonly stderr: boolean;
};

export type ExecRequest = WantedStreams & EngineExecRequest;

export type AttachRequest = WantedStreams & EngineAttachRequest;

export type PortForwardRequest = {
  readonly sandboxId: string;
  /** Needed by clients that forward over WebSocket channels; SPDY clients name a port with each connection. */
  readonly ports: readonly number[];
};
