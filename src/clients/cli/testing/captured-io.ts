import { Readable, Writable } from "node:stream";
import type { Io, OutputStream } from "../invocation.ts";

/** A stream that records what is written to it. */
export type Captured = OutputStream & { text(): string };

export function captured(terminal?: { readonly columns: number }): Captured {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const text = () => Buffer.concat(chunks).toString();
  return Object.assign(stream, {
    text,
    ...(terminal === undefined ? {} : { isTTY: true, columns: terminal.columns }),
  });
}

/** Streams that are not a terminal, and a separate environment. */
export function capturedIo(
  env: Io["env"] = {},
  stdin = "",
): Io & { readonly stdout: Captured; readonly stderr: Captured } {
  return { stdin: Readable.from([Buffer.from(stdin)]), stdout: captured(), stderr: captured(), env };
}
