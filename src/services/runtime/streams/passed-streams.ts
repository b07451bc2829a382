import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { openNullDevice, type StdioChoice } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "../conmon/task-record.ts";
import type { ClientOutput, ClientStreams } from "../tasks.ts";
import { type OpenFifo, openFifo, openFifoForBoth } from "./fifo.ts";
import { endLogger, startLogger } from "./logging-program.ts";
import { openForAppending } from "./output-file.ts";
import type { StreamOwner } from "./stream-owner.ts";

/** One output. */
type Output = {
  readonly end: FileHandle;
  /** Changes its owner; undefined if it does not belong to the client alone. */
  readonly give: ((owner: StreamOwner) => Promise<void>) | undefined;
  /** Whether unread data stays in it as long as it is open. */
  readonly waits: boolean;
};

/**
 * A client's streams, open to be handed to a process. Output to a FIFO or a pipe goes to an end that reads as
 * well: a client that leaves, or a daemon that ends, breaks no pipe, and nobody need hold them open for the
 * process.
 */
export class PassedStreams implements AsyncDisposable {
  readonly #streams: ClientStreams;
  readonly #stdin: OpenFifo | undefined;
  readonly #outputs: readonly [Output, Output];
  /** The program that reads the outputs, if there is one. */
  readonly logger: ProcessIdentity | undefined;
  readonly #opened: AsyncDisposable;
  #isKept = false;

  private constructor(
    streams: ClientStreams,
    stdin: OpenFifo | undefined,
    outputs: readonly [Output, Output],
    logger: ProcessIdentity | undefined,
    opened: AsyncDisposable,
  ) {
    this.#streams = streams;
    this.#stdin = stdin;
    this.#outputs = outputs;
    this.logger = logger;
    this.#opened = opened;
  }

  /** Throws RuntimeError InvalidArgument, DeadlineExceeded (of a program), and what `lookUp` throws. */
  static async open(streams: ClientStreams): Promise<PassedStreams> {
    const { stdin: name, output, lookUp } = streams;
    await using opened = new AsyncDisposableStack();
    using logger = output.kind === "program" ? await startLogger(output.program, lookUp) : undefined;
    const open = async (stdio: "stdout" | "stderr") => {
      const opening =
        output.kind === "program"
          ? openPipe(stdio === "stdout" ? logger?.stdoutFd : logger?.stderrFd)
          : openOutput(output, stdio, lookUp);
      const made = await opening;
      opened.use(made.end);
      return made;
    };
    const openStdin = async () => (name === undefined ? undefined : opened.use(await openFifo(name, lookUp)));
    const [stdin, ...outputs] = await allOf([openStdin(), open("stdout"), open("stderr")]);
    return new PassedStreams(streams, stdin, outputs, logger?.identity, opened.move());
  }

  /**
   * For the program that hands them on. An absent stdin is a pipe: OCI runtimes would give the host's
   * /dev/null to the process's user.
   */
  get stdio(): readonly [StdioChoice, StdioChoice, StdioChoice] {
    const [stdout, stderr] = this.#outputs;
    return [this.#stdin?.reader.fd ?? "ended", stdout.end.fd, stderr.end.fd];
  }

  /** Lets the process open them by name (/dev/stdout) if its user is not one of the host's. */
  async giveTo(owner: StreamOwner): Promise<void> {
    const { stdin: path, lookUp } = this.#streams;
    const stdin = this.#stdin?.reader;
    if (path !== undefined) await lookUp(path, async () => stdin?.chown(owner.uid, owner.gid));
    for (const { give } of this.#outputs) await give?.(owner);
  }

  /**
   * The ends that the daemon holds while it knows the process, so that stdin does not end when a client
   * leaves, and output of an ended process waits. The process has the streams now.
   */
  async keep(): Promise<KeptStreams> {
    await using opened = new AsyncDisposableStack();
    const keep = async (end: FileHandle, access: number) =>
      opened.use(await open(`/proc/self/fd/${end.fd}`, access));
    const keepOutput = async ({ end, waits }: Output) => waits && (await keep(end, constants.O_RDONLY));
    const keepStdin = async () => this.#stdin && (await keep(this.#stdin.writer, constants.O_WRONLY));
    const [stdin] = await allOf([keepStdin(), ...this.#outputs.map(keepOutput)]);
    this.#isKept = true;
    return new KeptStreams(stdin, opened.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
    if (this.logger !== undefined && !this.#isKept) await endLogger(this.logger);
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

async function openOutput(
  output: Exclude<ClientOutput, { readonly kind: "program" }>,
  stdio: "stdout" | "stderr",
  lookUp: LookUp,
): Promise<Output> {
  const giveAt =
    (path: string, end: FileHandle) =>
    ({ uid, gid }: StreamOwner) =>
      lookUp(path, () => end.chown(uid, gid));
  if (output.kind === "file") {
    const end = await openForAppending(output.path, lookUp);
    return { end, give: giveAt(output.path, end), waits: false };
  }
  const path = output[stdio];
  // Not the host's, of which OCI runtimes would make the process's user the owner.
  if (path === undefined) return { end: await openNullDevice(), give: undefined, waits: false };
  const end = await openFifoForBoth(path, lookUp);
  return { end, give: giveAt(path, end), waits: true };
}

async function openPipe(fd = -1): Promise<Output> {
  // Linux opens a pipe for both, too.
  const end = await open(`/proc/self/fd/${fd}`, constants.O_RDWR);
  return { end, give: ({ uid, gid }) => end.chown(uid, gid), waits: false };
}

/** Waits for all, as each may have opened something. Throws the first error. */
async function allOf<const Results extends readonly Promise<unknown>[]>(
  opening: Results,
): Promise<{ -readonly [Index in keyof Results]: Awaited<Results[Index]> }> {
  await Promise.allSettled(opening);
  return await Promise.all(opening);
}
