import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { StdioChoice } from "../../../ground/linux/index.ts";
import { type OpenFifo, openFifo } from "../streams/fifo.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { FirstProcessIo } from "../tasks.ts";

type Streams = Extract<FirstProcessIo, { readonly kind: "fifos" }>;

/**
 * A client's FIFOs, open to be handed to a container's first process. Output goes to an end that reads as well: a client that leaves, or
 * a daemon that ends, breaks no pipe, and nobody need hold them open for the process.
 */
export class FirstFifos implements AsyncDisposable {
  readonly #streams: Streams;
  readonly #stdin: OpenFifo | undefined;
  readonly #outputs: readonly [FileHandle, FileHandle];
  readonly #opened: AsyncDisposable;

  private constructor(
    streams: Streams,
    stdin: OpenFifo | undefined,
    outputs: readonly [FileHandle, FileHandle],
    opened: AsyncDisposable,
  ) {
    this.#streams = streams;
    this.#stdin = stdin;
    this.#outputs = outputs;
    this.#opened = opened;
  }

  /** Throws RuntimeError InvalidArgument when one is no FIFO, and what `lookUp` throws. */
  static async open(streams: Streams): Promise<FirstFifos> {
    await using opened = new AsyncDisposableStack();
    const { stdin: path, stdout, stderr, lookUp } = streams;
    const stdin = path === undefined ? undefined : opened.use(await openFifo(path, lookUp));
    const outputs = [
      opened.use(await openForBoth(stdout, streams)),
      opened.use(await openForBoth(stderr, streams)),
    ] as const;
    return new FirstFifos(streams, stdin, outputs, opened.move());
  }

  /** For the program that hands them on. An absent stdin is a pipe: OCI runtimes would give the host's /dev/null to the process's user. */
  get stdio(): readonly [StdioChoice, StdioChoice, StdioChoice] {
    const [stdout, stderr] = this.#outputs;
    return [this.#stdin?.reader.fd ?? "reads", stdout.fd, stderr.fd];
  }

  /** Lets the process open them by their names (/dev/stdout), where its user is none of the host's. */
  async giveTo({ uid, gid }: StreamOwner): Promise<void> {
    const { stdin, stdout, stderr, lookUp } = this.#streams;
    const [out, err] = this.#outputs;
    const ends = [
      [stdin, this.#stdin?.reader],
      [stdout, out],
      [stderr, err],
    ] as const;
    for (const [path, end] of ends)
      if (path !== undefined && end !== undefined) await lookUp(path, () => end.chown(uid, gid));
  }

  /** What the daemon keeps while it knows the task: stdin does not end when a client leaves, and output of a process that has ended waits. */
  async keep(): Promise<KeptFifos> {
    await using opened = new AsyncDisposableStack();
    const keep = async (end: FileHandle, access: number) =>
      opened.use(await open(`/proc/self/fd/${end.fd}`, access));
    const stdin = this.#stdin && (await keep(this.#stdin.writer, constants.O_WRONLY));
    for (const output of this.#outputs) await keep(output, constants.O_RDONLY);
    return new KeptFifos(stdin, opened.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }
}

/** The ends of a client's FIFOs that are not the process's. */
export class KeptFifos implements AsyncDisposable {
  readonly #stdin: FileHandle | undefined;
  readonly #all: AsyncDisposable;

  constructor(stdin: FileHandle | undefined, all: AsyncDisposable) {
    this.#stdin = stdin;
    this.#all = all;
  }

  async closeStdin(): Promise<void> {
    await this.#stdin?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all[Symbol.asyncDispose]();
  }
}

/** Linux opens a FIFO for both without waiting (fifo(7)). */
async function openForBoth(path: string, { lookUp }: Streams): Promise<FileHandle> {
  await using fifo = await openFifo(path, lookUp);
  return await open(`/proc/self/fd/${fifo.reader.fd}`, constants.O_RDWR);
}
