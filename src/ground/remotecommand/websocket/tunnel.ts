import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { RemoteCommandError } from "../errors.ts";
import { answerPings } from "./ping.ts";

/**
 * A connection for another protocol, such as SPDY, whose bytes are sent in binary messages of a WebSocket,
 * divided anywhere. Ending it closes the WebSocket.
 */
export class WebSocketTunnel extends Duplex {
  readonly #ws: WebSocket;

  constructor(ws: WebSocket) {
    super({ allowHalfOpen: true, writableHighWaterMark: 131_072 });
    this.#ws = ws;
    answerPings(ws);
    ws.on("message", (data: Buffer, isBinary) => {
      if (!isBinary) ws.close(1003, "expected binary messages");
      else if (!this.push(data)) ws.pause();
    });
    ws.on("error", (error) => this.destroy(error));
    ws.on("close", (code) => {
      if (code === 1000) this.push(null);
      else this.destroy(new RemoteCommandError("Unavailable", `the WebSocket was closed (code ${code})`));
    });
  }

  override _read(): void {
    if (this.#ws.isPaused) this.#ws.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#ws.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#ws.terminate();
    done(error);
  }

  #send(data: Buffer, done: (error?: Error | null) => void): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.send(data, (error) => done(error ?? null));
    else done(new RemoteCommandError("Unavailable", "the WebSocket is closed"));
  }
}
