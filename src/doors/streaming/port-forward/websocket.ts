import type { WebSocket } from "ws";
import { type ChannelCodec, WebSocketChannels } from "../../../ground/remotecommand/index.ts";
import { type Forward, forwardPair } from "./forward.ts";

/** Maximum of ports in a request: the channel's number is one byte. */
export const MAX_CHANNEL_PORTS = 100;

/**
 * Port-forward over WebSocket channels: port n of the request has data channel 2n and error channel 2n+1, and
 * each begins with the port as 16 bits, little-endian. One connection for each port; there is no half-close.
 */
export class WebSocketPortForward {
  readonly channels: WebSocketChannels;
  readonly #forward: Forward;
  readonly #ports: readonly number[];
  readonly #signal: AbortSignal;

  constructor(
    ws: WebSocket,
    { ports, codec, onActivity }: { ports: readonly number[]; codec: ChannelCodec; onActivity: () => void },
    forward: Forward,
    signal: AbortSignal,
  ) {
    this.#forward = forward;
    this.#ports = ports;
    this.channels = new WebSocketChannels(ws, {
      codec,
      channelCount: ports.length * 2,
      closeSignal: "none",
      onActivity,
    });
    this.#signal = AbortSignal.any([signal, this.channels.signal]);
  }

  /** Resolves when every port's connection is over and the WebSocket is closed. */
  async run(): Promise<void> {
    const forwarded = this.#ports.map(async (port, index) => {
      const data = this.channels.open(2 * index);
      const error = this.channels.open(2 * index + 1);
      for (const channel of [data, error]) channel.write(portHeader(port));
      await forwardPair({ port, data, error }, this.#forward, this.#signal);
    });
    await Promise.all(forwarded);
    if (this.channels.signal.aborted) await this.channels.closed;
    else await this.channels.close();
  }
}

function portHeader(port: number): Buffer {
  const header = Buffer.alloc(2);
  header.writeUInt16LE(port);
  return header;
}
