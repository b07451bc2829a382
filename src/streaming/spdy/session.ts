import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { protocolError, SpdyError } from "./errors.ts";
import { DEFAULT_WINDOW, MAX_WINDOW, ReceiveWindow } from "./flow-control.ts";
import { FrameParser } from "./frame-parser.ts";
import {
  type DataFrame,
  defaultLimits,
  type Frame,
  goAwayStatus,
  type RstStatus,
  rstStatus,
  type Setting,
  type SpdyHeaders,
  type SpdyLimits,
  settingId,
} from "./frames.ts";
import { SpdyStream, type StreamHost } from "./stream.ts";
import { Transmitter } from "./transmitter.ts";

export type SpdySessionOptions = {
  /** The server's streams have even ids, the client's odd ones. */
  readonly role: "server" | "client";
  /** Called for each stream that the peer opens: accept() or reset() it. Without it all are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Called for every frame that comes and every piece of data that goes. */
  readonly onActivity?: () => void;
  /** Most streams open at once; more are refused. Default 100. */
  readonly maxStreams?: number;
  /** What a stream may hold unread, in bytes. Default 256 KiB. */
  readonly streamWindowBytes?: number;
  /** What all streams of a peer with flow control may hold unread together, in bytes. Default 4 MiB. */
  readonly sessionWindowBytes?: number;
  readonly limits?: SpdyLimits;
  /** How often a connection that is not being read is tested for life, in ms. Default 10 s. */
  readonly probeIntervalMs?: number;
};

/** Unsent replies to a peer that does not read them, in bytes, above which we stop reading it. */
const MAX_UNSENT_BYTES = 1_048_576;

/** How long a peer may take to read our last bytes and close, in ms. */
const LINGER_MS = 5_000;

/**
 * A SPDY/3.1 session over a connection that was upgraded to it. It owns the connection.
 *
 * Life: open; then ending (GOAWAY sent, the connection half-closed, what the peer still sends thrown away, lest a reset
 * of the connection take our last bytes from it); then closed. For flow control see flow-control.ts.
 */
export class SpdySession {
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  readonly #ended = new AbortController();
  readonly #resolveClosed: () => void;
  readonly #socket: Duplex;
  readonly #options: SpdySessionOptions;
  readonly #parser: FrameParser;
  readonly #transmitter: Transmitter;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #opening = new Map<number, PromiseWithResolvers<SpdyStream>>();
  readonly #pings = new Map<number, () => void>();
  readonly #fullStreams = new Set<SpdyStream>();
  readonly #receiveWindow: ReceiveWindow;
  readonly #host: StreamHost;
  #state: "open" | "ending" | "closed" = "open";
  #peerHasFlowControl = false;
  #peerGoesAway = false;
  #peerInitialWindow = DEFAULT_WINDOW;
  #lastPeerStreamId = 0;
  #nextStreamId: number;
  #nextPingId: number;
  #lastUnknownStreamId = 0;
  #isReading = true;
  #probe: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#parser = new FrameParser(options.limits ?? defaultLimits);
    this.#transmitter = new Transmitter(socket);
    const firstId = options.role === "client" ? 1 : 2;
    this.#nextStreamId = firstId;
    this.#nextPingId = firstId;
    const sessionWindow = Math.max(options.sessionWindowBytes ?? 4_194_304, DEFAULT_WINDOW);
    this.#receiveWindow = new ReceiveWindow(sessionWindow);
    this.#host = this.#streamHost();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#listen();
    this.#announce(sessionWindow);
  }

  /** Aborted as soon as no stream can go on: the peer is gone, broke the protocol, or the session was closed. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Opens a stream and resolves once the peer has accepted it. Rejects with SpdyError (Aborted: refused; Unavailable:
   * the session is over or going away) or with the signal's reason.
   */
  async openStream(headers: SpdyHeaders, signal?: AbortSignal): Promise<SpdyStream> {
    signal?.throwIfAborted();
    if (this.#state !== "open" || this.#peerGoesAway) {
      throw new SpdyError("Unavailable", "open a SPDY stream: the session is over");
    }
    const stream = this.#addStream(this.#nextStreamId, headers);
    this.#nextStreamId += 2;
    const opening = Promise.withResolvers<SpdyStream>();
    this.#opening.set(stream.id, opening);
    this.#transmitter.control({
      kind: "synStream",
      streamId: stream.id,
      headers,
      fin: false,
      unidirectional: false,
    });
    const abort = () => stream.destroy(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await opening.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Resolves when the peer has answered. Rejects when the session is over, or with the signal's reason. */
  async ping(signal?: AbortSignal): Promise<void> {
    const id = this.#nextPingId;
    this.#nextPingId = (this.#nextPingId + 2) % MAX_WINDOW || 2;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const either = signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]);
    const abort = () => reject(either.reason);
    either.throwIfAborted();
    either.addEventListener("abort", abort, { once: true });
    this.#pings.set(id, resolve);
    this.#transmitter.control({ kind: "ping", id });
    try {
      await promise;
    } finally {
      either.removeEventListener("abort", abort);
      this.#pings.delete(id);
    }
  }

  /** Ends our side of every stream, waits until all was sent, then closes the connection. Resolves when it is closed. */
  async close(): Promise<void> {
    const sent = [...this.#streams.values()].map(async (stream) => {
      stream.end();
      // A stream that is reset meanwhile has nothing left to send either.
      await finished(stream, { readable: false }).catch(() => {});
    });
    await Promise.all(sent);
    this.#end(goAwayStatus.ok, undefined);
    await this.closed;
  }

  /** Closes the connection at once; streams are destroyed with `error`. */
  destroy(error?: Error): void {
    this.#socket.destroy();
    this.#onClose(error);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => {
      this.#transmitter.drained();
      this.#updateReading();
    });
    socket.on("end", () => {
      if (this.#state === "open") this.destroy();
    });
    socket.on("error", (error: Error) => this.#onClose(error));
    socket.on("close", () => this.#onClose(undefined));
  }

  #announce(sessionWindow: number): void {
    const settings = [
      { id: settingId.maxConcurrentStreams, value: this.#maxStreams },
      { id: settingId.initialWindowSize, value: this.#streamWindow },
    ];
    this.#transmitter.control({ kind: "settings", settings });
    const delta = sessionWindow - DEFAULT_WINDOW;
    if (delta > 0) this.#transmitter.control({ kind: "windowUpdate", streamId: 0, delta });
  }

  get #maxStreams(): number {
    return this.#options.maxStreams ?? 100;
  }

  get #streamWindow(): number {
    return this.#options.streamWindowBytes ?? 262_144;
  }

  #receive(chunk: Buffer): void {
    if (this.#state !== "open") return;
    try {
      for (const frame of this.#parser.push(chunk)) {
        this.#options.onActivity?.();
        this.#handle(frame);
        if (this.#state !== "open") return;
      }
    } catch (error) {
      // Whatever went wrong, the compression state and the place in the input are lost.
      this.#end(goAwayStatus.protocolError, error instanceof Error ? error : protocolError(String(error)));
    }
    this.#updateReading();
  }

  #handle(frame: Frame): void {
    switch (frame.kind) {
      case "data":
        this.#onData(frame);
        break;
      case "synStream":
        this.#onSynStream(frame);
        break;
      case "synReply":
        this.#onSynReply(frame.streamId, frame.fin);
        break;
      case "headers":
        if (frame.fin) this.#streams.get(frame.streamId)?.receiveEnd();
        break;
      case "rstStream":
        this.#onReset(frame.streamId, frame.status);
        break;
      case "settings":
        this.#onSettings(frame.settings);
        break;
      case "ping":
        this.#onPing(frame.id);
        break;
      case "goAway":
        this.#peerGoesAway = true;
        this.#endWhenIdle();
        break;
      case "windowUpdate":
        this.#onWindowUpdate(frame.streamId, frame.delta);
        break;
    }
  }

  #onData({ streamId, data, fin }: DataFrame): void {
    const sessionOverflows = this.#receiveWindow.take(data.length);
    if (sessionOverflows && this.#peerHasFlowControl)
      throw protocolError("the window of the session was overflown");
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      this.#giveSessionCredit(data.length);
      if (stream === undefined) this.#onUnknownStream(streamId);
      else stream.reset(rstStatus.streamAlreadyClosed);
      return;
    }
    const streamOverflows = stream.receive(data);
    if (streamOverflows && this.#peerHasFlowControl) {
      stream.reset(rstStatus.flowControlError);
      return;
    }
    if (fin) stream.receiveEnd();
    if (stream.isFull) this.#fullStreams.add(stream);
  }

  /** Data may cross our reset of its stream; that is no fault. A stream that never was is one. */
  #onUnknownStream(streamId: number): void {
    const wasOpened = this.#isPeerId(streamId)
      ? streamId <= this.#lastPeerStreamId
      : streamId < this.#nextStreamId;
    if (wasOpened || streamId === this.#lastUnknownStreamId) return;
    this.#lastUnknownStreamId = streamId;
    this.#transmitter.control({ kind: "rstStream", streamId, status: rstStatus.invalidStream });
  }

  #onSynStream(frame: Extract<Frame, { kind: "synStream" }>): void {
    const { streamId } = frame;
    if (!this.#isPeerId(streamId) || streamId <= this.#lastPeerStreamId) {
      throw protocolError(`stream id ${streamId} after ${this.#lastPeerStreamId}`);
    }
    this.#lastPeerStreamId = streamId;
    const { onStream } = this.#options;
    if (onStream === undefined || frame.unidirectional || this.#streams.size >= this.#maxStreams) {
      this.#transmitter.control({ kind: "rstStream", streamId, status: rstStatus.refusedStream });
      return;
    }
    const stream = this.#addStream(streamId, frame.headers);
    if (frame.fin) stream.receiveEnd();
    onStream(stream);
  }

  #onSynReply(streamId: number, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    const opening = this.#opening.get(streamId);
    if (stream === undefined || opening === undefined) return;
    this.#opening.delete(streamId);
    if (fin) stream.receiveEnd();
    opening.resolve(stream);
  }

  #onReset(streamId: number, status: RstStatus): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.receiveReset(status);
    const opening = this.#opening.get(streamId);
    if (opening === undefined) return;
    this.#opening.delete(streamId);
    const message = `the peer refused SPDY stream ${streamId}`;
    opening.reject(new SpdyError("Aborted", message, { resetStatus: status }));
    // Nobody has the stream yet who would read it to its end.
    stream.resume();
  }

  #onPing(id: number): void {
    const isOurs = id % 2 === this.#nextPingId % 2;
    if (isOurs) this.#pings.get(id)?.();
    else this.#transmitter.control({ kind: "ping", id });
  }

  #onSettings(settings: readonly Setting[]): void {
    this.#noteFlowControl();
    const value = settings.findLast((setting) => setting.id === settingId.initialWindowSize)?.value;
    if (value === undefined) return;
    if (value > MAX_WINDOW) throw protocolError(`initial window of ${value} bytes`);
    const delta = value - this.#peerInitialWindow;
    this.#peerInitialWindow = value;
    for (const stream of this.#streams.values()) this.#growWindow(stream, delta);
  }

  #onWindowUpdate(streamId: number, delta: number): void {
    this.#noteFlowControl();
    if (streamId === 0) {
      if (!this.#transmitter.growSessionWindow(delta))
        throw protocolError("window of the session over 2^31-1");
      for (const stream of this.#streams.values()) this.#transmitter.transmit(stream);
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#growWindow(stream, delta);
  }

  #growWindow(stream: SpdyStream, delta: number): void {
    if (stream.sendWindow.grow(delta)) this.#transmitter.transmit(stream);
    else stream.reset(rstStatus.flowControlError);
  }

  #noteFlowControl(): void {
    this.#peerHasFlowControl = true;
    this.#transmitter.keepWindows();
  }

  #isPeerId(streamId: number): boolean {
    return streamId % 2 !== this.#nextStreamId % 2;
  }

  #addStream(id: number, headers: SpdyHeaders): SpdyStream {
    const windows = { receive: this.#streamWindow, send: this.#peerInitialWindow };
    const stream = new SpdyStream(this.#host, id, headers, windows);
    this.#streams.set(id, stream);
    return stream;
  }

  #streamHost(): StreamHost {
    return {
      reply: ({ id: streamId }) => {
        this.#send({ kind: "synReply", streamId, headers: new Map(), fin: false });
      },
      transmit: (stream) => {
        this.#options.onActivity?.();
        this.#transmitter.transmit(stream);
      },
      sendFin: ({ id }) => {
        if (this.#state === "open") this.#transmitter.fin(id);
      },
      consumed: (stream, bytes) => {
        this.#giveCredit(stream.id, stream.giveCredit(bytes));
        this.#giveSessionCredit(bytes);
        if (!stream.isFull && this.#fullStreams.delete(stream)) this.#updateReading();
      },
      gone: (stream, unreadBytes, resetStatus) => this.#onStreamGone(stream, unreadBytes, resetStatus),
    };
  }

  #onStreamGone(stream: SpdyStream, unreadBytes: number, resetStatus: RstStatus | undefined): void {
    this.#streams.delete(stream.id);
    this.#transmitter.forget(stream);
    this.#opening
      .get(stream.id)
      ?.reject(stream.errored ?? new SpdyError("Canceled", `SPDY stream ${stream.id} was closed`));
    this.#opening.delete(stream.id);
    if (resetStatus !== undefined)
      this.#send({ kind: "rstStream", streamId: stream.id, status: resetStatus });
    this.#giveSessionCredit(unreadBytes);
    if (this.#fullStreams.delete(stream)) this.#updateReading();
    this.#endWhenIdle();
  }

  #giveSessionCredit(bytes: number): void {
    this.#giveCredit(0, this.#receiveWindow.give(bytes));
  }

  #giveCredit(streamId: number, delta: number): void {
    // Runtimes without flow control close the connection as soon as they have sent everything. Credit that reaches them
    // then makes the kernel reset the connection, and with it goes what we have not read yet.
    const isUnwanted = this.#options.role === "client" && !this.#peerHasFlowControl;
    if (delta > 0 && !isUnwanted) this.#send({ kind: "windowUpdate", streamId, delta });
  }

  #send(frame: Parameters<Transmitter["control"]>[0]): void {
    if (this.#state === "open") this.#transmitter.control(frame);
  }

  #updateReading(): void {
    const isReading =
      this.#state !== "open" ||
      (this.#fullStreams.size === 0 && this.#transmitter.unsentBytes <= MAX_UNSENT_BYTES);
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    clearInterval(this.#probe);
    if (isReading) {
      this.#socket.resume();
      return;
    }
    this.#socket.pause();
    // A connection that is not read does not show that the peer has closed it; writing to it does.
    const probe = () => this.#send({ kind: "ping", id: this.#nextPingId });
    this.#probe = setInterval(probe, this.#options.probeIntervalMs ?? 10_000);
  }

  #endWhenIdle(): void {
    if (this.#peerGoesAway && this.#streams.size === 0) this.#end(goAwayStatus.ok, undefined);
  }

  #end(status: number, error: Error | undefined): void {
    if (this.#state !== "open") return;
    this.#send({ kind: "goAway", lastStreamId: this.#lastPeerStreamId, status });
    this.#state = "ending";
    this.#loseStreams(error);
    this.#updateReading();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.end();
  }

  #onClose(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearInterval(this.#probe);
    clearTimeout(this.#linger);
    this.#socket.destroy();
    this.#loseStreams(error ?? new SpdyError("Unavailable", "the SPDY connection was closed"));
    this.#resolveClosed();
  }

  #loseStreams(error: Error | undefined): void {
    for (const stream of this.#streams.values()) stream.lose(error);
    this.#ended.abort(error ?? new SpdyError("Canceled", "the SPDY session was closed"));
  }
}
