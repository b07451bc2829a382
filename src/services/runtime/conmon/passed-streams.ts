import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { openNullDevice, type StdioChoice } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { type OpenFifo, openFifo } from "../streams/fifo.ts";
import { openLookedUp } from "../streams/open-look-up.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { FirstProcessIo } from "../tasks.ts";

/** Streams that a container's first process has itself, and nobody copies. */
export type PassedIo = Extract<FirstProcessIo, { readonly kind: "fifos" | "file" }>;

/** One output, and its path where that is a client's. */
type Output = { readonly end: FileHandle; readonly path: string | undefined; readonly isFifo: boolean };

/**
 * A client's FIFOs or file, open to be handed to a container's first process. Output to a FIFO goes to an end
 * that reads as well: a client that leaves, or a daemon that ends, breaks no pipe, and nobody need hold them
 * open for the process.
 */
export class PassedStreams implements AsyncDisposable {
  readonly #io: PassedIo;
  readonly #stdin: OpenFifo | undefined;
  readonly #outputs: readonly [Output, Output];
  readonly #opened: AsyncDisposable;

  private constructor(
    io: PassedIo,
    stdin: OpenFifo | undefined,
    outputs: readonly [Output, Output],
    opened: AsyncDisposable,
  ) {
    this.#io = io;
    this.#stdin = stdin;
    this.#outputs = outputs;
    this.#opened = opened;
  }

  /** Throws RuntimeError InvalidArgument for what is no FIFO or no file, and what `lookUp` throws. */
  static async open(io: PassedIo): Promise<PassedStreams> {
    await using opened = new AsyncDisposableStack();
    const stdin = io.stdin === undefined ? undefined : opened.use(await openFifo(io.stdin, io.lookUp));
    const open = async (stdio: "stdout" | "stderr") => {
      const output = await openOutput(io, stdio);
      opened.use(output.end);
      return output;
    };
    const outputs = [await open("stdout"), await open("stderr")] as const;
    return new PassedStreams(io, stdin, outputs, opened.move());
  }

  /**
   * For the program that hands them on. An absent stdin is a pipe: OCI runtimes would give the host's
   * /dev/null to the process's user.
   */
  get stdio(): readonly [StdioChoice, StdioChoice, StdioChoice] {
    const [stdout, stderr] = this.#outputs;
    return [this.#stdin?.reader.fd ?? "reads", stdout.end.fd, stderr.end.fd];
  }

  /** Lets the process open them by their names (/dev/stdout), where its user is none of the host's. */
  async giveTo({ uid, gid }: StreamOwner): Promise<void> {
    const { stdin: path, lookUp } = this.#io;
    const stdin = this.#stdin && { path, end: this.#stdin.reader };
    for (const stream of [stdin, ...this.#outputs])
      if (stream?.path !== undefined) await lookUp(stream.path, () => stream.end.chown(uid, gid));
  }

  /**
   * What the daemon keeps while it knows the task: stdin does not end when a client leaves, and output of a
   * process that has ended waits.
   */
  async keep(): Promise<KeptStreams> {
    await using opened = new AsyncDisposableStack();
    const keep = async (end: FileHandle, access: number) =>
      opened.use(await open(`/proc/self/fd/${end.fd}`, access));
    const stdin = this.#stdin && (await keep(this.#stdin.writer, constants.O_WRONLY));
    for (const { end, isFifo } of this.#outputs) if (isFifo) await keep(end, constants.O_RDONLY);
    return new KeptStreams(stdin, opened.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }
}

/** The ends of a client's FIFOs that are not the process's. */
export class KeptStreams implements AsyncDisposable {
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

async function openOutput(io: PassedIo, stdio: "stdout" | "stderr"): Promise<Output> {
  if (io.kind === "file") return { end: await openForAppending(io), path: io.path, isFifo: false };
  const path = io[stdio];
  // Not the host's, of which OCI runtimes would make the process's user the owner.
  if (path === undefined) return { end: await openNullDevice(), path, isFifo: false };
  return { end: await openForBoth(path, io), path, isFifo: true };
}

/** Linux opens a FIFO for both without waiting (fifo(7)). */
async function openForBoth(path: string, { lookUp }: PassedIo): Promise<FileHandle> {
  await using fifo = await openFifo(path, lookUp);
  return await open(`/proc/self/fd/${fifo.reader.fd}`, constants.O_RDWR);
}

async function openForAppending({ path, lookUp }: PassedIo & { readonly kind: "file" }): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  return await openLookedUp(path, lookUp, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 }).catch(unusable);
    // What is no file must not make anybody wait; to a file O_NONBLOCK means nothing.
    const end = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640).catch(
      unusable,
    );
    try {
      if ((await end.stat()).isFile()) return end;
      throw unusable(new Error("it is not a regular file"));
    } catch (error) {
      await end.close();
      throw error;
    }
  });

  function unusable(cause: Error): never {
    throw new RuntimeError(
      "InvalidArgument",
      `cannot write a process's output to ${JSON.stringify(path)}: ${cause.message}`,
      { cause },
    );
  }
}
