import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { tempDir } from "../../../testing/temp-dir.ts";

/** An HTTP/2 server on a socket of its own that answers each call, by number from 0, as it is told. */
export async function serveRaw(answer: (stream: ServerHttp2Stream, call: number) => void) {
  const dir = await tempDir();
  const path = join(dir.path, "raw.sock");
  const sessions = new Set<ServerHttp2Session>();
  let calls = 0;
  const server = createServer({ settings: { initialWindowSize: 1000 } });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.resume();
    answer(stream, calls++);
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  return {
    path,
    sessions,
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((closed) => server.close(closed));
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Headers and trailers around the bytes that `send` writes. */
export function respond(
  stream: ServerHttp2Stream,
  trailers: Record<string, string>,
  send: (stream: ServerHttp2Stream) => Promise<void> | void,
): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  void Promise.resolve(send(stream)).then(() => stream.end());
}

/** A message with its prefix. */
export function message(text: string, { compressed = 0, length = Buffer.byteLength(text) } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}
