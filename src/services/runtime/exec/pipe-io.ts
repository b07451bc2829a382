import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { copyInput } from "../streams/copy-input.ts";
import { OutputCopy } from "../streams/copy-output.ts";
import type { TaskIo } from "../tasks.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";

/** Pipes between a command and streams of the daemon. */
export class PipeIo implements ExecIo {
  readonly resize = undefined;
  readonly #io: Pick<TaskIo, "stdin" | "stdout" | "stderr">;
  #stdin: Socket | undefined;
  #outputs: readonly OutputCopy[] = [];
  #stderr: { readonly copy: OutputCopy; readonly head: StreamHead } | undefined;
  #stdinIsClosed = false;

  constructor(io: Pick<TaskIo, "stdin" | "stdout" | "stderr">) {
    this.#io = io;
  }

  adapt(process: OciProcess): OciProcess {
    return { ...process, terminal: false };
  }

  prepare(): ExecStdio {
    return [this.#io.stdin === undefined ? "ended" : "reads", "writes", "writes"];
  }

  connect(runtime: Subprocess): void {
    const [stdin, out, err] = [runtime.stdio[0], runtime.pipe(1), runtime.pipe(2)];
    this.#stdin = stdin;
    if (this.#stdinIsClosed) stdin?.destroy();
    else if (this.#io.stdin !== undefined && stdin !== undefined)
      copyInput(this.#io.stdin, stdin, () => stdin.end());
    const head = new StreamHead(err);
    const copy = new OutputCopy(err, this.#io.stderr);
    this.#stderr = { copy, head };
    this.#outputs = [new OutputCopy(out, this.#io.stdout), copy];
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return { bytes: this.#stderr?.copy.bytes ?? 0, text: this.#stderr?.head.text() ?? "" };
  }

  async outputEnded(_ran: boolean, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.ended(signal)));
  }

  closeStdin(): void {
    this.#stdinIsClosed = true;
    this.#stdin?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stdin?.destroy();
    await this.outputEnded(false, AbortSignal.abort());
  }
}

const limitBytes = 4096;

/** The beginning of a stream's data, in addition to its other readers. */
class StreamHead {
  #bytes = Buffer.alloc(0);

  constructor(stream: Readable) {
    stream.on("data", (chunk: Buffer) => {
      const room = limitBytes - this.#bytes.length;
      if (room > 0) this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, room)]);
    });
  }

  text(): string {
    return this.#bytes.toString("utf8");
  }
}
