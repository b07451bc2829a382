import { containerd } from "../../ground/protocol/index.ts";
import { ContainerdError } from "./errors.ts";
import { ofType } from "./messages.ts";
import type { ClientStream } from "./streams.ts";

const { Data, WindowUpdate } = containerd.transferStreams;
const [data, windowUpdate] = ["containerd.types.transfer.Data", "containerd.types.transfer.WindowUpdate"];

/** How many bytes a client may send before more are granted. */
const windowBytes = 1024 * 1024;
/** Maximum size of a message, as in containerd. */
const maxPieceBytes = 32 * 1024;
/** How long to wait, after everything was sent, for the client to confirm that it has it. */
const confirmationMs = 1000;

/**
 * The bytes that a client sends through a stream, until its end (containerd's core/transfer/streaming).
 * Throws InvalidArgument.
 */
export async function* bytesFrom(stream: ClientStream, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const grant = async (update: number): Promise<void> => {
    const value = Buffer.from(WindowUpdate.encode({ update }).finish());
    await stream.send({ typeUrl: windowUpdate, value }, signal);
  };
  await grant(windowBytes);
  let taken = 0;
  for (let message = await stream.receive(signal); message !== undefined; ) {
    const { data: bytes } = ofType(message, data, Data);
    yield bytes;
    taken += bytes.length;
    if (taken >= windowBytes / 2) {
      await grant(taken);
      taken = 0;
    }
    message = await stream.receive(signal);
  }
}

/** Sends bytes to a client as fast as its window allows. Throws Canceled if the client stops reading. */
export async function sendBytes(
  stream: ClientStream,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  let room = 0;
  let window = 0;
  const more = async (wait: AbortSignal): Promise<void> => {
    const message = await stream.receive(wait);
    if (message === undefined)
      throw new ContainerdError("Canceled", "the client has closed the stream that it wanted bytes through");
    const { update } = ofType(message, windowUpdate, WindowUpdate);
    window = Math.max(window, update);
    room += Math.max(0, update);
  };
  for await (const piece of bytes) {
    for (let offset = 0; offset < piece.length; ) {
      while (room === 0) await more(signal);
      const part = piece.subarray(offset, offset + Math.min(maxPieceBytes, room));
      const value = Buffer.from(Data.encode({ data: Buffer.from(part) }).finish());
      await stream.send({ typeUrl: data, value }, signal);
      offset += part.length;
      room -= part.length;
    }
  }
  await waitUntilTaken(async (wait) => {
    while (room < window) await more(wait);
  }, signal);
}

/**
 * Waits until the client has everything: containerd's clients stop reading when their transfer is answered,
 * and extend their window once they have read it all.
 */
async function waitUntilTaken(
  wait: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await wait(AbortSignal.any([signal, AbortSignal.timeout(confirmationMs)]));
  } catch {
    // Clients with another kind of window, or that have closed their stream, have received everything
    // nevertheless.
    signal.throwIfAborted();
  }
}
