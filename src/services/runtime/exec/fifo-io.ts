import type { FileHandle } from "node:fs/promises";
import type { Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { type OpenFifo, openFifo } from "../streams/fifo.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { Fifos } from "../tasks.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";

/**
 * A client's FIFOs, handed to the command: the daemon copies nothing. A reader of each output is kept here
 * until the deletion, so that a client that leaves does not break the command's pipe.
 */
export class FifoIo implements ExecIo {
  readonly resize = undefined;
  readonly #fifos: readonly (OpenFifo | undefined)[];

  private constructor(fifos: readonly (OpenFifo | undefined)[]) {
    this.#fifos = fifos;
  }

  /** Throws RuntimeError InvalidArgument. */
  static async open(
    { stdin, stdout, stderr, lookUp }: Fifos,
    owner: StreamOwner | undefined,
  ): Promise<FifoIo> {
    await using opened = new AsyncDisposableStack();
    const fifos: (OpenFifo | undefined)[] = [];
    for (const path of [stdin, stdout, stderr]) {
      const fifo = path === undefined ? undefined : opened.use(await openFifo(path, lookUp));
      if (path !== undefined && fifo !== undefined && owner !== undefined)
        await lookUp(path, () => fifo.writer.chown(owner.uid, owner.gid));
      fifos.push(fifo);
    }
    opened.move();
    return new FifoIo(fifos);
  }

  adapt(process: OciProcess): OciProcess {
    return { ...process, terminal: false };
  }

  /** What has no FIFO is a pipe: OCI runtimes would give the host's /dev/null to the command's user. */
  prepare(): ExecStdio {
    const [stdin, stdout, stderr] = this.#fifos;
    return [stdin?.reader.fd ?? "reads", stdout?.writer.fd ?? "writes", stderr?.writer.fd ?? "writes"];
  }

  connect(runtime: Subprocess): void {
    const [stdin, stdout, stderr] = this.#fifos;
    for (const end of [stdin?.reader, stdout?.writer, stderr?.writer]) close(end);
    const [ownStdin, ...ownOutputs] = runtime.stdio;
    ownStdin?.destroy();
    for (const output of ownOutputs.slice(0, 2)) output?.resume();
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return { bytes: 0, text: "" };
  }

  /** It is between the command and the client. */
  async outputEnded(): Promise<void> {}

  closeStdin(): void {
    close(this.#fifos[0]?.writer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#fifos.map((fifo) => fifo?.[Symbol.asyncDispose]()));
  }
}

/** Closing a FIFO neither waits nor fails. */
function close(end: FileHandle | undefined): void {
  void end?.close();
}
