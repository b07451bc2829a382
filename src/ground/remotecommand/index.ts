/**
 * Kubernetes' protocols for exec, attach and port-forward, for both ends: names of protocols and streams,
 * SPDY/3.1, numbered channels in a WebSocket, terminal sizes, and the encoding of a command's outcome. Both
 * the streaming server and its client use this.
 *
 * Terms: a *session* is an upgraded connection; a *stream* (SPDY) or *channel* (WebSocket) is one of stdin,
 * stdout, stderr, error, resize, or one end of a forwarded connection.
 *
 * This room opens no connections and knows no containers. Its streams have back-pressure and bounded buffers.
 */
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
export type { StreamConnection, WantedStreams } from "./streams.ts";
export {
  type ChannelCodec,
  WebSocketChannels,
  type WebSocketChannelsOptions,
  WebSocketTunnel,
} from "./websocket/index.ts";
