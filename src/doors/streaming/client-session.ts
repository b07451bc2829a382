import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  spdyRemoteCommandProtocols,
  WebSocketTunnel,
  webSocketPortForwardProtocols,
  webSocketRemoteCommandProtocols,
} from "../../ground/remotecommand/index.ts";
import type { StreamIo, StreamingEngine } from "./engine.ts";
import { StreamingError } from "./errors.ts";
import { acceptSpdy, type Upgrade } from "./handshake.ts";
import { IdleTimer } from "./idle-timer.ts";
import type { ResolvedOptions } from "./options.ts";
import { parsePortQuery, SpdyPortForward } from "./port-forward/spdy.ts";
import { MAX_CHANNEL_PORTS, WebSocketPortForward } from "./port-forward/websocket.ts";
import { type RemoteCommandStreams, serveRemoteCommand } from "./remote-command/serve.ts";
import { spdyStreams } from "./remote-command/spdy.ts";
import { webSocketStreams } from "./remote-command/websocket.ts";
import type { StreamingRequest } from "./requests.ts";
import { upgradeToWebSocket } from "./websocket-upgrade.ts";

/** A request with its client's connection and the negotiated protocol. */
export type Upgraded = {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that the client sent right after its request. */
  readonly head: Buffer;
  readonly upgrade: Upgrade;
};

type RemoteCommandRequest = Extract<StreamingRequest, { kind: "exec" | "attach" }>;
type PortForwardingRequest = Extract<StreamingRequest, { kind: "portforward" }>;

/**
 * Serves one client from the upgrade to the end of its connection. Rejects with StreamingError
 * InvalidArgument before the upgrade (the caller must then respond to the client), and with others if the
 * client broke the protocol.
 */
export class ClientSession {
  readonly #engine: StreamingEngine;
  readonly #options: ResolvedOptions;
  readonly #upgraded: Upgraded;
  readonly #signal: AbortSignal;

  constructor(engine: StreamingEngine, options: ResolvedOptions, upgraded: Upgraded, signal: AbortSignal) {
    this.#engine = engine;
    this.#options = options;
    this.#upgraded = upgraded;
    this.#signal = signal;
  }

  async run(request: StreamingRequest): Promise<void> {
    using idle = new IdleTimer(this.#options.idleTimeoutMs, () => {
      this.#upgraded.socket.destroy(
        new StreamingError("DeadlineExceeded", "the connection was idle for too long"),
      );
    });
    const onActivity = () => idle.touch();
    if (request.kind === "portforward") await this.#portForward(request, onActivity);
    else await this.#remoteCommand(request, onActivity);
  }

  async #remoteCommand(request: RemoteCommandRequest, onActivity: () => void): Promise<void> {
    const streams = await this.#streams(request, onActivity);
    const [call, what] =
      request.kind === "exec"
        ? [this.#exec(request), "executing command in container"]
        : [this.#attach(request), "attaching to container"];
    await serveRemoteCommand(streams, call, what, this.#signal);
  }

  #exec({ kind: _, ...request }: Extract<RemoteCommandRequest, { kind: "exec" }>) {
    return (io: StreamIo, signal: AbortSignal) => this.#engine.exec(request, io, signal);
  }

  #attach({ kind: _, ...request }: Extract<RemoteCommandRequest, { kind: "attach" }>) {
    return async (io: StreamIo, signal: AbortSignal) => {
      await this.#engine.attach(request, io, signal);
      return { exitCode: 0 };
    };
  }

  async #streams(request: RemoteCommandRequest, onActivity: () => void): Promise<RemoteCommandStreams> {
    const { protocol, transport } = this.#upgraded.upgrade;
    if (transport === "spdy") {
      const creationTimeoutMs = this.#options.streamCreationTimeoutMs;
      const version = known(spdyRemoteCommandProtocols, protocol);
      return spdyStreams(this.#acceptSpdy(), version, request, { creationTimeoutMs, onActivity });
    }
    const remoteCommand = known(webSocketRemoteCommandProtocols, protocol);
    return this.#acceptWebSocket((ws) => webSocketStreams(ws, remoteCommand, request, onActivity));
  }

  async #portForward(request: PortForwardingRequest, onActivity: () => void): Promise<void> {
    const forward = (port: number, connection: Duplex, signal: AbortSignal) =>
      this.#engine.portForward(request.sandboxId, port, connection, signal);
    const creationTimeoutMs = this.#options.streamCreationTimeoutMs;
    const overSpdy = (socket: Duplex) => {
      return new SpdyPortForward(socket, forward, this.#signal, { creationTimeoutMs, onActivity });
    };
    const { protocol, transport } = this.#upgraded.upgrade;
    if (transport === "spdy") {
      await overSpdy(this.#acceptSpdy()).run();
      return;
    }
    const codec = known(webSocketPortForwardProtocols, protocol);
    if (codec === "tunnel") {
      const tunnelled = await this.#acceptWebSocket((ws) => overSpdy(new WebSocketTunnel(ws)));
      await tunnelled.run();
      return;
    }
    const ports = this.#channelPorts(request);
    const channels = await this.#acceptWebSocket(
      (ws) => new WebSocketPortForward(ws, { ports, codec, onActivity }, forward, this.#signal),
    );
    await channels.run();
  }

  /** The ports of the request, or without any, those in the client's URL. */
  #channelPorts(request: PortForwardingRequest): readonly number[] {
    const query = new URL(this.#upgraded.request.url ?? "", "http://localhost").searchParams.getAll("port");
    const ports = request.ports.length > 0 ? request.ports : parsePortQuery(query);
    if (ports.length === 0 || ports.length > MAX_CHANNEL_PORTS) {
      const message = `port-forward over WebSocket channels needs 1 to ${MAX_CHANNEL_PORTS} ports, not ${ports.length}`;
      throw new StreamingError("InvalidArgument", message);
    }
    return ports;
  }

  #acceptSpdy(): Duplex {
    const { socket, head, upgrade } = this.#upgraded;
    acceptSpdy(socket, upgrade.protocol);
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  #acceptWebSocket<T>(use: Parameters<typeof upgradeToWebSocket<T>>[4]): Promise<T> {
    const { request, socket, head, upgrade } = this.#upgraded;
    const options = { protocol: upgrade.protocol, maxMessageBytes: this.#options.maxMessageBytes };
    return upgradeToWebSocket(request, socket, head, options, use);
  }
}

/** The handshake accepts only entries of the table. */
function known<T>(table: ReadonlyMap<string, T>, protocol: string): T {
  const entry = table.get(protocol);
  if (entry === undefined)
    throw new StreamingError("Internal", `unknown protocol ${JSON.stringify(protocol)}`);
  return entry;
}
