import type {
  AttachRequest as EngineAttachRequest,
  ExecRequest as EngineExecRequest,
} from "../../engines/engine/index.ts";
import type { WantedStreams } from "../../ground/remotecommand/index.ts";

/** What streaming needs from an engine. */
export type { StreamIo, Streams as StreamingEngine, TerminalSize } from "../../engines/engine/index.ts";

export type ExecRequest = WantedStreams & EngineExecRequest;

export type AttachRequest = WantedStreams & EngineAttachRequest;

export type PortForwardRequest = {
  readonly sandboxId: string;
  /**
   * Needed by clients that forward over WebSocket channels; SPDY clients send a port with each connection.
   */
  readonly ports: readonly number[];
};
