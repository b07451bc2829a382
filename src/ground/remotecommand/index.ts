/**
 * What both ends of exec, attach and port-forward speak, as Kubernetes does: names of protocols and streams,
 * SPDY/3.1, numbered channels in a WebSocket, terminal sizes, and how a command's outcome is told. The
 * streaming server and its client stand on this as equals.
 *
 * Terms: a *session* is an upgraded connection; a *stream* (SPDY) or *channel* (WebSocket) is one of stdin,
 * stdout, stderr, error, resize, or one end of a forwarded connection.
 *
 * This room opens no connection and knows no container. Its streams have back-pressure, and hold no more
 * bytes than their limits say.
 */
export type { StreamConnection } from "./connection.ts";
export { decodeOutcome, encodeOutcome, type RemoteCommandOutcome } from "./outcome.ts";
export {
  channelId,
  choose,
  PORT_FORWARD_PROTOCOL,
  REMOTE_COMMAND_CHANNELS,
  type RemoteCommandVersion,
  spdyRemoteCommandProtocols,
  streamHeader,
  TUNNEL_PROTOCOL,
  type WebSocketRemoteCommand,
  webSocketPortForwardProtocols,
  webSocketRemoteCommandProtocols,
} from "./protocols.ts";
export { encodeTerminalSize, type TerminalSize, terminalSizes } from "./resize.ts";
export {
  type RstStatus,
  rstStatus,
  SpdyError,
  type SpdyHeaders,
  type SpdyLimits,
  SpdySession,
  type SpdySessionOptions,
  type SpdyStream,
} from "./spdy/index.ts";
export type { WantedStreams } from "./streams.ts";
export {
  type ChannelCodec,
  WebSocketChannels,
  type WebSocketChannelsOptions,
  WebSocketTunnel,
} from "./websocket/index.ts";
