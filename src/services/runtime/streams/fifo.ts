import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { openLookedUp } from "./open-look-up.ts";

/** O_PATH of open(2), which Node lacks: refers to a path without opening the file. */
const O_PATH = 0o10000000;

/**
 * Both ends of a client's FIFO. The end that the process does not use is kept open, so that opening never
 * waits, and one client may disconnect and another connect.
 */
export type OpenFifo = AsyncDisposable & {
  /** Blocking, as processes expect of their standard streams. */
  readonly reader: FileHandle;
  readonly writer: FileHandle;
};

/** A client's existing FIFO that is not open yet; opening its other end waits until this end is open. */
export class NamedFifo implements AsyncDisposable {
  readonly #path: string;
  readonly #lookUp: LookUp;
  readonly #place: FileHandle;

  private constructor(path: string, lookUp: LookUp, place: FileHandle) {
    this.#path = path;
    this.#lookUp = lookUp;
    this.#place = place;
  }

  /** Finds a FIFO. Throws RuntimeError InvalidArgument if there is none, and the errors of `lookUp`. */
  static async find(path: string, lookUp: LookUp): Promise<NamedFifo> {
    await using opened = new AsyncDisposableStack();
    const place = opened.use(await openLookedUp(path, lookUp, () => openPlace(path)));
    if (!(await place.stat()).isFIFO()) throw noFifo(path, "it is not a FIFO");
    opened.move();
    return new NamedFifo(path, lookUp, place);
  }

  /**
   * Opens it without waiting for the other end. Throws RuntimeError InvalidArgument, and the look-up's
   * errors.
   */
  async open(): Promise<OpenFifo> {
    await using opened = new AsyncDisposableStack();
    // Through the open place, as another file may be at the path by now. Only a reader need not wait for a
    // writer.
    const [place, notWaiting] = [procPath(this.#place), constants.O_RDONLY | constants.O_NONBLOCK];
    const opening = () => openedBy(this.#path, () => open(place, notWaiting));
    const first = opened.use(await openLookedUp(this.#path, this.#lookUp, opening));
    const writer = opened.use(await open(procPath(first), constants.O_WRONLY));
    const reader = opened.use(await open(procPath(first), constants.O_RDONLY));
    await first.close();
    const ends = opened.move();
    return { reader, writer, [Symbol.asyncDispose]: () => ends.disposeAsync() };
  }

  /** The same for one end that both reads and writes. */
  async openForBoth(): Promise<FileHandle> {
    // Linux opens a FIFO for both without waiting (fifo(7)).
    const opening = () => openedBy(this.#path, () => open(procPath(this.#place), constants.O_RDWR));
    return await openLookedUp(this.#path, this.#lookUp, opening);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place.close();
  }
}

/**
 * Opens a FIFO without waiting for its other end. Throws RuntimeError InvalidArgument if there is none, and
 * the errors of `lookUp`.
 */
export async function openFifo(path: string, lookUp: LookUp): Promise<OpenFifo> {
  await using fifo = await NamedFifo.find(path, lookUp);
  return await fifo.open();
}

/** The same for one end that both reads and writes. */
export async function openFifoForBoth(path: string, lookUp: LookUp): Promise<FileHandle> {
  await using fifo = await NamedFifo.find(path, lookUp);
  return await fifo.openForBoth();
}

function procPath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

function openPlace(path: string): Promise<FileHandle> {
  return openedBy(path, () => open(path, O_PATH));
}

async function openedBy(path: string, opening: () => Promise<FileHandle>): Promise<FileHandle> {
  try {
    return await opening();
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
