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
 * A client's streams, open to be passed to a process. Output to a FIFO or a pipe goes to a descriptor that is
 * also open for reading: so no pipe breaks if a client disconnects or the daemon ends, and nothing else must
 * keep it open.
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
   * For the program that passes them on. A missing stdin is a pipe: OCI runtimes would give the host's
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
   * To be called once the process has the streams. Returns the ends that the daemon keeps open as long as it
   * knows the process, so that stdin does not end when a client disconnects, and output of a process that has
   * ended can still be read.
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

/** The ends of a client's FIFOs that the process does not use. */
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
  // Not the host's, which OCI runtimes would give to the process's user.
  if (path === undefined) return { end: await openNullDevice(), give: undefined, waits: false };
  const end = await openFifoForBoth(path, lookUp);
  return { end, give: giveAt(path, end), waits: true };
}

async function openPipe(fd = -1): Promise<Output> {
  // Linux opens a pipe for both, as well.
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
