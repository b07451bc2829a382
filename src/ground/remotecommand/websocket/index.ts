/**
 * Protocols inside a WebSocket (package `ws`): numbered channels, or another protocol's bytes. This room does
 * not know the purpose of channels.
 */
export { WebSocketChannels, type WebSocketChannelsOptions } from "./channels.ts";
export type { ChannelCodec } from "./codec.ts";
export { WebSocketTunnel } from "./tunnel.ts";
