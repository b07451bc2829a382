import type { FileHandle } from "node:fs/promises";
import type { Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { NamedFifo } from "../streams/fifo.ts";
import { endLogger } from "../streams/logging-program.ts";
import { type KeptStreams, PassedStreams } from "../streams/passed-streams.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { ClientStreams } from "../tasks.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";

type Parts = {
  readonly streams: ClientStreams;
  readonly owner: StreamOwner | undefined;
  readonly stdin: NamedFifo | undefined;
  readonly outputs: PassedStreams;
  readonly kept: KeptStreams;
};

/**
 * A client's streams, passed to the command: the daemon copies nothing. The FIFO of its input is opened when
 * it starts: clients whose input ends before they know of the command do not close it (nerdctl, ctr), so they
 * must not be able to write earlier.
 */
export class ClientIo implements ExecIo {
  readonly resize = undefined;
  readonly #parts: Parts;
  #reader: FileHandle | undefined;
  #writer: FileHandle | undefined;
  #isStdinClosed = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Throws like PassedStreams. */
  static async open(streams: ClientStreams, owner: StreamOwner | undefined): Promise<ClientIo> {
    await using opened = new AsyncDisposableStack();
    const { stdin: path, lookUp } = streams;
    const stdin = path === undefined ? undefined : opened.use(await NamedFifo.find(path, lookUp));
    const outputs = opened.use(await PassedStreams.open({ ...streams, stdin: undefined }));
    if (owner !== undefined) await outputs.giveTo(owner);
    const kept = await outputs.keep();
    opened.move();
    return new ClientIo({ streams, owner, stdin, outputs, kept });
  }

  adapt(process: OciProcess): OciProcess {
    return { ...process, terminal: false };
  }

  async prepare(): Promise<ExecStdio> {
    const { streams, owner, stdin, outputs } = this.#parts;
    const [nowhere, stdout, stderr] = outputs.stdio;
    if (stdin === undefined || streams.stdin === undefined) return [nowhere, stdout, stderr];
    const { reader, writer } = await stdin.open();
    [this.#reader, this.#writer] = [reader, writer];
    if (owner !== undefined) await streams.lookUp(streams.stdin, () => reader.chown(owner.uid, owner.gid));
    if (this.#isStdinClosed) await writer.close();
    return [reader.fd, stdout, stderr];
  }

  connect(runtime: Subprocess): void {
    // Closing them does not wait or fail.
    void this.#reader?.close();
    void this.#parts.outputs[Symbol.asyncDispose]();
    runtime.stdio[0]?.destroy();
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return { bytes: 0, text: "" };
  }

  /** Nothing to wait for: the command and the client share the streams. */
  async outputEnded(): Promise<void> {}

  closeStdin(): void {
    this.#isStdinClosed = true;
    void this.#writer?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdin, outputs, kept } = this.#parts;
    await this.#reader?.close();
    await this.#writer?.close();
    await stdin?.[Symbol.asyncDispose]();
    await kept[Symbol.asyncDispose]();
    await outputs[Symbol.asyncDispose]();
    if (outputs.logger !== undefined) await endLogger(outputs.logger);
  }
}
