import type { Socket } from "node:net";
import {
  contentOf,
  defaults,
  errorCodes,
  type Frame,
  FrameReader,
  flags,
  frame,
  frameTypes,
  Http2ProtocolError,
  maxWindowBytes,
  numberFrame,
  settings,
  settingsFrame,
} from "./frames.ts";
import { encodedHeaders, HeaderDecoder } from "./hpack.ts";
import { type Headers, Http2Stream } from "./stream.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Receive window, so that a large response does not wait for a round trip for each part. */
const windowBytes = 1024 * 1024;
/** How much of it is used before it is enlarged. */
const reportBytes = windowBytes / 4;
/** Maximum size of a header block. */
const maxHeaderBytes = 256 * 1024;

type Queued = { readonly stream: Http2Stream; bytes: Buffer; readonly isLast: boolean };

/**
 * The client side of an HTTP/2 connection, as far as gRPC needs it: no pushes, no priorities (RFC 9113). Any
 * protocol violation ends the connection.
 */
export class Http2Session implements Disposable {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #decoder = new HeaderDecoder();
  readonly #streams = new Map<number, Http2Stream>();
  readonly #queue: Queued[] = [];
  readonly #ready = Promise.withResolvers<void>();
  #nextId = 1;
  #sendWindow: number = defaults.windowBytes;
  #streamWindow: number = defaults.windowBytes;
  #maxFrameBytes: number = defaults.frameBytes;
  #unreported = 0;
  /** Headers whose block has not ended. */
  #partial: { readonly streamId: number; readonly isLast: boolean; readonly blocks: Buffer[] } | undefined;
  #takesCalls = true;
  #end: { readonly error: unknown } | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#ready.promise.catch(() => undefined);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#close(error));
    socket.on("close", () => this.#close(undefined));
    const wanted = [
      [settings.enablePush, 0],
      [settings.initialWindowSize, windowBytes],
    ] as const;
    const room = windowBytes - defaults.windowBytes;
    this.#write(
      Buffer.from(preface),
      settingsFrame(new Map(wanted)),
      numberFrame(frameTypes.windowUpdate, 0, room),
    );
  }

  /** False if the next call needs another connection. */
  get takesCalls(): boolean {
    return this.#takesCalls;
  }

  /** Resolves when the connection is established. Rejects with the reason for which it ended, if known. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  request(headers: Readonly<Record<string, string>>): Http2Stream {
    const stream = new Http2Stream(this.#nextId, this.#streamWindow, {
      send: (...given) => this.#enqueue(...given),
      reset: (given, code) => this.#reset(given, code),
      taken: (given, bytes) => this.#taken(given, bytes),
    });
    this.#nextId += 2;
    if (this.#end !== undefined) {
      stream.close({ kind: "lost", ...this.#end });
      return stream;
    }
    this.#streams.set(stream.id, stream);
    this.#sendHeaders(stream.id, encodedHeaders(headers));
    return stream;
  }

  [Symbol.dispose](): void {
    this.#close(undefined);
  }

  #sendHeaders(streamId: number, block: Buffer): void {
    const frames: Buffer[] = [];
    for (let at = 0; at === 0 || at < block.length; at += this.#maxFrameBytes) {
      const part = block.subarray(at, at + this.#maxFrameBytes);
      const isLast = at + part.length >= block.length;
      const type = at === 0 ? frameTypes.headers : frameTypes.continuation;
      frames.push(frame(type, isLast ? flags.endHeaders : 0, streamId, part));
    }
    this.#write(...frames);
  }

  #enqueue(stream: Http2Stream, bytes: Buffer, isLast: boolean): void {
    this.#queue.push({ stream, bytes, isLast });
    this.#flush();
  }

  /** Sends as much as the windows allow; streams do not block each other. */
  #flush(): void {
    const waiting = this.#queue.splice(0);
    const blocked = new Set<Http2Stream>();
    for (const queued of waiting) {
      if (queued.stream.isClosed) continue;
      if (!blocked.has(queued.stream) && this.#sendData(queued)) continue;
      blocked.add(queued.stream);
      this.#queue.push(queued);
    }
    for (const { stream } of waiting) if (!blocked.has(stream)) stream.drained();
  }

  /** False if the window was too small for all of it. */
  #sendData(queued: Queued): boolean {
    const { stream, isLast } = queued;
    for (;;) {
      const room = Math.min(this.#maxFrameBytes, this.#sendWindow, stream.sendWindow);
      const part = queued.bytes.subarray(0, Math.max(room, 0));
      if (part.length === 0 && queued.bytes.length > 0) return false;
      queued.bytes = queued.bytes.subarray(part.length);
      this.#sendWindow -= part.length;
      stream.sendWindow -= part.length;
      const isEnd = queued.bytes.length === 0;
      this.#write(frame(frameTypes.data, isEnd && isLast ? flags.endStream : 0, stream.id, part));
      if (isEnd) return true;
    }
  }

  #write(...frames: readonly Uint8Array[]): void {
    this.#socket.cork();
    for (const bytes of frames) this.#socket.write(bytes);
    process.nextTick(() => this.#socket.uncork());
  }

  #reset(stream: Http2Stream, code: number): void {
    this.#write(numberFrame(frameTypes.resetStream, stream.id, code));
    this.#forget(stream);
    stream.close({ kind: "reset", code });
  }

  #forget(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#closeIfOver();
  }

  #taken(stream: Http2Stream, bytes: number): void {
    stream.unreported += bytes;
    if (stream.unreported < reportBytes || stream.isClosed) return;
    this.#write(numberFrame(frameTypes.windowUpdate, stream.id, stream.unreported));
    stream.unreported = 0;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const each of this.#frames.read(chunk)) this.#onFrame(each);
    } catch (error) {
      this.#close(error);
    }
  }

  #onFrame(received: Frame): void {
    const { type, streamId, payload } = received;
    if (this.#partial !== undefined && type !== frameTypes.continuation)
      throw new Http2ProtocolError("headers are not continued");
    const number = () => payload.readUInt32BE(0) & 0x7fff_ffff;
    if (type === frameTypes.data) this.#onData(received);
    else if (type === frameTypes.headers || type === frameTypes.continuation) this.#onHeaders(received);
    else if (type === frameTypes.resetStream) this.#onReset(streamId, payload.readUInt32BE(0));
    else if (type === frameTypes.settings) this.#onSettings(received);
    else if (type === frameTypes.ping) this.#onPing(received);
    else if (type === frameTypes.goAway) this.#onGoAway(number(), payload.readUInt32BE(4));
    else if (type === frameTypes.windowUpdate) this.#onWindowUpdate(streamId, number());
    else if (type === frameTypes.pushPromise)
      throw new Http2ProtocolError("a server push, which is not allowed");
  }

  #onPing({ flags: set, payload }: Frame): void {
    if (!(set & flags.ack)) this.#write(frame(frameTypes.ping, flags.ack, 0, payload));
  }

  /** The connection's window is restored at once: each stream's window limits the buffered data. */
  #onData(received: Frame): void {
    const { streamId, payload } = received;
    this.#unreported += payload.length;
    if (this.#unreported >= reportBytes) {
      this.#write(numberFrame(frameTypes.windowUpdate, 0, this.#unreported));
      this.#unreported = 0;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const content = contentOf(received);
    // Padding is never read.
    stream.unreported += payload.length - content.length;
    if (content.length > 0) stream.receive(content);
    if (received.flags & flags.endStream) this.#done(stream);
  }

  #onHeaders(received: Frame): void {
    const isFirst = received.type === frameTypes.headers;
    if (!isFirst && this.#partial?.streamId !== received.streamId)
      throw new Http2ProtocolError("continuation of headers that were not begun");
    this.#partial ??= {
      streamId: received.streamId,
      isLast: (received.flags & flags.endStream) !== 0,
      blocks: [],
    };
    this.#partial.blocks.push(isFirst ? contentOf(received) : received.payload);
    const block = Buffer.concat(this.#partial.blocks);
    if (block.length > maxHeaderBytes) throw new Http2ProtocolError("headers without end");
    if (!(received.flags & flags.endHeaders)) return;
    const { streamId, isLast } = this.#partial;
    this.#partial = undefined;
    // Also for a closed stream, since the shared table changes.
    const fields = this.#decoder.decode(block);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.onHeaders(joined(fields));
    if (isLast) this.#done(stream);
  }

  /** Nobody reads unsent data any more. */
  #done(stream: Http2Stream): void {
    this.#forget(stream);
    stream.close({ kind: "done" });
  }

  #onReset(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    this.#forget(stream);
    stream.close({ kind: "reset", code });
  }

  #onSettings({ flags: set, payload }: Frame): void {
    if (set & flags.ack) return;
    for (let at = 0; at + 6 <= payload.length; at += 6)
      this.#onSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#write(frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0)));
    this.#ready.resolve();
    this.#flush();
  }

  #onSetting(id: number, value: number): void {
    if (id === settings.maxFrameSize) this.#maxFrameBytes = Math.max(value, defaults.frameBytes);
    if (id !== settings.initialWindowSize) return;
    if (value > maxWindowBytes) throw new Http2ProtocolError(`a window of ${value} bytes`);
    for (const stream of this.#streams.values()) stream.sendWindow += value - this.#streamWindow;
    this.#streamWindow = value;
  }

  /** Without an error, the other side still finishes calls in flight. */
  #onGoAway(lastId: number, code: number): void {
    this.#takesCalls = false;
    if (code !== 0)
      this.#close(new Http2ProtocolError(`the server closed the connection with HTTP/2 code ${code}`));
    for (const stream of [...this.#streams.values()])
      if (stream.id > lastId) this.#onReset(stream.id, errorCodes.refusedStream);
    this.#closeIfOver();
  }

  /** A connection that accepts no more calls is closed only here. */
  #closeIfOver(): void {
    if (!this.#takesCalls && this.#streams.size === 0) this.#close(undefined);
  }

  #onWindowUpdate(streamId: number, bytes: number): void {
    if (streamId === 0) this.#sendWindow += bytes;
    else {
      const stream = this.#streams.get(streamId);
      if (stream !== undefined) stream.sendWindow += bytes;
    }
    this.#flush();
  }

  #close(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#takesCalls = false;
    this.#socket.destroy();
    this.#ready.reject(error);
    for (const stream of this.#streams.values()) stream.close({ kind: "lost", error });
    this.#streams.clear();
  }
}

function joined(fields: readonly (readonly [name: string, value: string])[]): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields)
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  return headers;
}
