import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { openLookedUp } from "./open-look-up.ts";

/**
 * Both ends of a client's FIFO. The one that is not the process's is kept open, so that opening never waits,
 * and that a client may leave and another come.
 */
export type OpenFifo = AsyncDisposable & {
  /** Blocking, as a process expects it of its standard streams. */
  readonly reader: FileHandle;
  readonly writer: FileHandle;
};

/**
 * Opens a FIFO without waiting for whoever has its other end. Throws RuntimeError InvalidArgument when there
 * is none, and what `lookUp` throws.
 */
export async function openFifo(path: string, lookUp: LookUp): Promise<OpenFifo> {
  await using opened = new AsyncDisposableStack();
  // Only a reader need not wait for a writer. The others are opened by it, as another file may lie at the
  // path by then.
  const first = opened.use(await openLookedUp(path, lookUp, () => openPath(path)));
  if (!(await first.stat()).isFIFO()) throw noFifo(path, "it is not a FIFO");
  const same = `/proc/self/fd/${first.fd}`;
  const writer = opened.use(await open(same, constants.O_WRONLY));
  const reader = opened.use(await open(same, constants.O_RDONLY));
  await first.close();
  const ends = opened.move();
  return { reader, writer, [Symbol.asyncDispose]: () => ends.disposeAsync() };
}

async function openPath(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    throw noFifo(path, "it cannot be opened", cause);
  }
}

function noFifo(path: string, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError(
    "InvalidArgument",
    `cannot use ${JSON.stringify(path)} for a process's streams: ${why}; create the FIFO before the process`,
    { cause },
  );
}
