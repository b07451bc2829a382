/**
 * What runs in a WebSocket (package `ws`): numbered channels, or the bytes of another protocol. Nothing here
 * knows what the channels are for.
 */
export { WebSocketChannels, type WebSocketChannelsOptions } from "./channels.ts";
export type { ChannelCodec } from "./codec.ts";
export { WebSocketTunnel } from "./tunnel.ts";
