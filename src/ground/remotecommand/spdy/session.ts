import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { protocolError, SpdyError } from "./errors.ts";
import { DEFAULT_WINDOW, MAX_WINDOW, ReceiveWindow } from "./flow-control.ts";
import { FrameParser } from "./frame-parser.ts";
import {
  type DataFrame,
  type Frame,
  goAwayStatus,
  type RstStatus,
  rstStatus,
  type Setting,
  type SpdyHeaders,
  settingId,
} from "./frames.ts";
import { type ResolvedOptions, type SpdySessionOptions, withDefaults } from "./options.ts";
import { Pings } from "./pings.ts";
import { ReadGate } from "./read-gate.ts";
import { SpdyStream, type StreamHost } from "./stream.ts";
import { Transmitter } from "./transmitter.ts";

/** Unsent bytes above which a peer that does not read its replies is not read either. */
const MAX_UNSENT_BYTES = 1_048_576;

/**
 * A SPDY/3.1 session over an upgraded connection, which it owns.
 *
 * Its states: open; ending (GOAWAY was sent and the connection half-closed; what the peer still sends is read
 * and discarded, since otherwise the kernel would reset the connection and the peer lose the last bytes); and
 * closed. For flow control see flow-control.ts.
 */
export class SpdySession {
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  readonly #ended = new AbortController();
  readonly #resolveClosed: () => void;
  readonly #socket: Duplex;
  readonly #options: ResolvedOptions;
  readonly #parser: FrameParser;
  readonly #transmitter: Transmitter;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #opening = new Map<number, PromiseWithResolvers<SpdyStream>>();
  readonly #pings: Pings;
  readonly #gate: ReadGate;
  readonly #fullStreams = new Set<SpdyStream>();
  readonly #receiveWindow: ReceiveWindow;
  readonly #host: StreamHost;
  #state: "open" | "ending" | "closed" = "open";
  #peerHasFlowControl = false;
  #peerGoesAway = false;
  #peerInitialWindow = DEFAULT_WINDOW;
  #lastPeerStreamId = 0;
  #nextStreamId: number;
  #lastUnknownStreamId = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = withDefaults(options);
    this.#parser = new FrameParser(this.#options.limits);
    this.#transmitter = new Transmitter(socket);
    this.#nextStreamId = options.role === "client" ? 1 : 2;
    this.#pings = new Pings(this.#nextStreamId, (id) => this.#send({ kind: "ping", id }));
    this.#gate = new ReadGate(socket, () => this.#pings.probe(), this.#options.probeIntervalMs);
    this.#receiveWindow = new ReceiveWindow(this.#options.sessionWindowBytes);
    this.#host = this.#streamHost();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#listen();
    this.#announce();
  }

  /**
   * Aborts when all streams end: the peer has disconnected or broken the protocol, or the session was closed.
   */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Opens a stream; resolves when the peer has accepted it. Rejects with SpdyError (Aborted: refused;
   * Unavailable: the session has ended or accepts no more streams) or with the signal's reason.
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

  /** Resolves when the peer has answered. Rejects if the session ends, and with the signal's reason. */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.#pings.ping(signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]));
  }

  /**
   * Ends this side of every stream, waits until everything is sent, and closes the connection. Resolves when
   * it is closed.
   */
  async close(): Promise<void> {
    const sent = [...this.#streams.values()].map(async (stream) => {
      stream.end();
      // If the stream is reset meanwhile, nothing is left to send either.
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

  #announce(): void {
    const settings = [
      { id: settingId.maxConcurrentStreams, value: this.#options.maxStreams },
      { id: settingId.initialWindowSize, value: this.#options.streamWindowBytes },
    ];
    this.#transmitter.control({ kind: "settings", settings });
    const delta = this.#options.sessionWindowBytes - DEFAULT_WINDOW;
    if (delta > 0) this.#transmitter.control({ kind: "windowUpdate", streamId: 0, delta });
  }

  #receive(chunk: Buffer): void {
    if (this.#state !== "open") return;
    // The replies to all frames of a chunk are sent with one system call.
    this.#socket.cork();
    try {
      for (const frame of this.#parser.push(chunk)) {
        this.#options.onActivity();
        this.#handle(frame);
        if (this.#state !== "open") return;
      }
    } catch (error) {
      // After any error, the compression state and the position in the input are unknown.
      this.#end(goAwayStatus.protocolError, error instanceof Error ? error : protocolError(String(error)));
    } finally {
      this.#socket.uncork();
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
        this.#pings.receive(frame.id);
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
      throw protocolError("the session's window was exceeded");
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

  /**
   * Data that was sent before the peer received a reset is dropped; a stream that never existed is an error.
   */
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
    if (onStream === undefined || frame.unidirectional || this.#streams.size >= this.#options.maxStreams) {
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
    // It was not returned to anyone who could read it to its end.
    stream.resume();
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
    const windows = { receive: this.#options.streamWindowBytes, send: this.#peerInitialWindow };
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
        this.#options.onActivity();
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
    // Servers without flow control close the connection as soon as they have sent everything. If credit
    // arrives after that, their kernel resets the connection, and what was not read yet is lost.
    const isUnwanted = this.#options.role === "client" && !this.#peerHasFlowControl;
    if (delta > 0 && !isUnwanted) this.#send({ kind: "windowUpdate", streamId, delta });
  }

  #send(frame: Parameters<Transmitter["control"]>[0]): void {
    if (this.#state === "open") this.#transmitter.control(frame);
  }

  #updateReading(): void {
    const hasRoom = this.#fullStreams.size === 0 && this.#transmitter.unsentBytes <= MAX_UNSENT_BYTES;
    this.#gate.set(hasRoom || this.#state !== "open");
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
    const linger = () => {
      this.#linger = setTimeout(() => this.#socket.destroy(), this.#options.lingerMs);
    };
    // A slow reader may take its time, but not a peer that broke the protocol.
    if (error === undefined) this.#socket.end(linger);
    else {
      linger();
      this.#socket.end();
    }
  }

  #onClose(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#gate[Symbol.dispose]();
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
