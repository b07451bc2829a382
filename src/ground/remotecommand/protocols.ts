/**
 * Names of protocols, of which the two sides choose one when a connection is upgraded, and their meaning.
 *
 * Versions of remote commands (exec, attach): 1 is the oldest; 2 ends stdin properly; 3 adds the resize
 * stream; 4 sends the outcome as a Status object with the exit code; 5 exists only for WebSocket and adds the
 * close signal.
 */
import type { ChannelCodec } from "./websocket/codec.ts";

export type RemoteCommandVersion = 1 | 2 | 3 | 4 | 5;

/** Values of the header X-Stream-Protocol-Version for SPDY. */
export const spdyRemoteCommandProtocols: ReadonlyMap<string, RemoteCommandVersion> = new Map([
  ["v4.channel.k8s.io", 4],
  ["v3.channel.k8s.io", 3],
  ["v2.channel.k8s.io", 2],
  ["channel.k8s.io", 1],
]);

export const PORT_FORWARD_PROTOCOL = "portforward.k8s.io";

/** WebSocket subprotocol whose binary messages carry a SPDY session for port-forward. */
export const TUNNEL_PROTOCOL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`;

export type WebSocketRemoteCommand = { readonly version: RemoteCommandVersion; readonly codec: ChannelCodec };

/** Values of Sec-WebSocket-Protocol; "" is for a client that offers none. */
export const webSocketRemoteCommandProtocols: ReadonlyMap<string, WebSocketRemoteCommand> = new Map([
  ["v5.channel.k8s.io", { version: 5, codec: "binary" }],
  ["v4.channel.k8s.io", { version: 4, codec: "binary" }],
  ["v4.base64.channel.k8s.io", { version: 4, codec: "base64" }],
  ["channel.k8s.io", { version: 1, codec: "binary" }],
  ["base64.channel.k8s.io", { version: 1, codec: "base64" }],
  ["", { version: 1, codec: "binary" }],
]);

/** Port-forward over pairs of channels, or tunnelled. */
export const webSocketPortForwardProtocols: ReadonlyMap<string, ChannelCodec | "tunnel"> = new Map([
  [TUNNEL_PROTOCOL, "tunnel"],
  ["v4.channel.k8s.io", "binary"],
  ["v4.base64.channel.k8s.io", "base64"],
  ["", "binary"],
]);

/** Headers of SPDY streams. */
export const streamHeader = { type: "streamtype", port: "port", requestId: "requestid" } as const;

/** Channels of a remote command over WebSocket. */
export const channelId = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
export const REMOTE_COMMAND_CHANNELS = 5;

/** The first of the offered protocols that is known. */
export function choose(offered: readonly string[], known: ReadonlyMap<string, unknown>): string | undefined {
  return offered.find((name) => known.has(name));
}
