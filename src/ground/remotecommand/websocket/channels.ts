import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import type { WebSocket } from "ws";
import { RemoteCommandError } from "../errors.ts";
import type { StreamConnection } from "../streams.ts";
import { Channel } from "./channel.ts";
import { type ChannelCodec, decodeMessage, encodeMessage } from "./codec.ts";
import { answerPings, probe } from "./ping.ts";

export type WebSocketChannelsOptions = {
  readonly codec: ChannelCodec;
  /** Channels are numbered from 0; a message for any other number breaks the protocol. */
  readonly channelCount: number;
  /**
   * In version 5, the message 255, n means that the sender has ended channel n. Clients send it for stdin,
   * and do not expect it from servers.
   */
  readonly closeSignal: "none" | "received" | "sent";
  /** Called for every message in either direction. */
  readonly onActivity?: () => void;
  /** Interval of pings while the connection is not being read, in ms. Default 10 s. */
  readonly probeIntervalMs?: number;
};

/** Before the number of a channel, it ends that channel. */
const CLOSE_SIGNAL = 255;

/** Unsent bytes of the connection above which writers must wait. */
const HIGH_WATER_BYTES = 262_144;

/** How long the peer may take to close its side, in ms. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Channels over one WebSocket: each message starts with the number of its channel. For servers and clients.
 * Messages for channels that were not opened are dropped.
 *
 * WebSocket has no flow control per channel: while the reader of one channel does not keep up, the connection
 * is not read, and all channels wait.
 */
export class WebSocketChannels implements StreamConnection {
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  readonly #ended = new AbortController();
  readonly #ws: WebSocket;
  readonly #options: WebSocketChannelsOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #fullChannels = new Set<Channel>();
  #unsent = 0;
  #onAllSent: (() => void) | undefined;
  #stopProbe: (() => void) | undefined;

  constructor(ws: WebSocket, options: WebSocketChannelsOptions) {
    this.#ws = ws;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    answerPings(ws);
    ws.on("message", (data: Buffer) => this.#receive(data));
    // The close event follows, with a code.
    ws.on("error", () => {});
    ws.on("close", (code) => {
      this.#onClose(code);
      resolve();
    });
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Opens a channel. Ending it sends the close signal, if the protocol has that. Must be called before the
   * first message can arrive.
   */
  open(id: number): Duplex {
    const channel = new Channel({
      send: (data, done) => this.#send(encodeMessage(this.#options.codec, { channel: id, data }), done),
      sendEnd: (done) => {
        if (this.#options.closeSignal === "sent") this.#send(Buffer.from([CLOSE_SIGNAL, id]), done);
        else done();
      },
      wanted: (channel) => {
        if (this.#fullChannels.delete(channel)) this.#updateReading();
      },
    });
    this.#channels.set(id, channel);
    return channel;
  }

  /** Sends an empty message. */
  greet(channel: number): void {
    this.#send(encodeMessage(this.#options.codec, { channel, data: Buffer.alloc(0) }), () => {});
  }

  async close(): Promise<void> {
    const written = [...this.#channels.values()].map(async (channel) => {
      channel.finishWriting();
      await finished(channel, { readable: false }).catch(() => {});
    });
    await Promise.all(written);
    // Not earlier, since the time that the peer has after our close is limited.
    await this.#allSent();
    this.#closeWith(1000, "");
    await this.closed;
  }

  destroy(error?: Error): void {
    this.#ended.abort(error);
    this.#ws.terminate();
  }

  #receive(message: Buffer): void {
    this.#options.onActivity?.();
    try {
      this.#dispatch(message);
    } catch (error) {
      this.#closeWith(1007, error instanceof Error ? error.message : "");
    }
  }

  #dispatch(message: Buffer): void {
    const { codec, channelCount, closeSignal } = this.#options;
    const isCloseSignal = closeSignal === "received" && message[0] === CLOSE_SIGNAL;
    const decoded = isCloseSignal
      ? { channel: message[1] ?? channelCount, data: undefined }
      : decodeMessage(codec, message);
    if (decoded === undefined) return;
    if (decoded.channel >= channelCount || decoded.channel < 0) {
      this.#closeWith(1008, "message for a channel that does not exist");
      return;
    }
    const channel = this.#channels.get(decoded.channel);
    if (channel === undefined) return;
    if (decoded.data === undefined) channel.receiveEnd();
    else if (!channel.receive(decoded.data)) {
      this.#fullChannels.add(channel);
      this.#updateReading();
    }
  }

  #send(message: Buffer | string, done: (error?: Error) => void): void {
    if (this.#ws.readyState !== this.#ws.OPEN) {
      done(new RemoteCommandError("Unavailable", "the WebSocket is closed"));
      return;
    }
    this.#options.onActivity?.();
    this.#unsent++;
    const mustWait = this.#ws.bufferedAmount > HIGH_WATER_BYTES;
    this.#ws.send(message, (error) => {
      this.#unsent--;
      if (this.#unsent === 0) this.#onAllSent?.();
      if (mustWait) done(error ?? undefined);
    });
    if (!mustWait) done();
  }

  async #allSent(): Promise<void> {
    if (this.#unsent === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAllSent = resolve;
    await Promise.race([promise, this.closed]);
  }

  #updateReading(): void {
    const isReading = this.#fullChannels.size === 0;
    if (isReading !== this.#ws.isPaused) return;
    this.#stopProbe?.();
    if (isReading) {
      this.#ws.resume();
      return;
    }
    this.#ws.pause();
    if (this.#ws.isPaused) this.#stopProbe = probe(this.#ws, this.#options.probeIntervalMs ?? 10_000);
  }

  #closeWith(code: number, reason: string): void {
    this.#ended.abort(
      new RemoteCommandError("Canceled", `the WebSocket was closed from this side (${code} ${reason})`),
    );
    this.#ws.removeAllListeners("message");
    this.#fullChannels.clear();
    this.#updateReading();
    this.#ws.close(code, reason);
    const timer = setTimeout(() => this.#ws.terminate(), CLOSE_TIMEOUT_MS);
    this.closed.finally(() => clearTimeout(timer));
  }

  #onClose(code: number): void {
    this.#stopProbe?.();
    const error = new RemoteCommandError("Unavailable", `the WebSocket was closed (code ${code})`);
    this.#ended.abort(error);
    for (const channel of this.#channels.values()) {
      if (code === 1000) channel.receiveEnd();
      else channel.destroy(error);
    }
  }
}
