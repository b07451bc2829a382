/**
 * Protocols inside a WebSocket (package `ws`): numbered channels, or the bytes of another protocol. This room
 * does not know what the channels are for.
 */
export { WebSocketChannels, type WebSocketChannelsOptions } from "./channels.ts";
export type { ChannelCodec } from "./codec.ts";
export { WebSocketTunnel } from "./tunnel.ts";
