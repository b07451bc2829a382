import type { Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { endLogger } from "../streams/logging-program.ts";
import { type KeptStreams, PassedStreams } from "../streams/passed-streams.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { ClientStreams } from "../tasks.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";

/** A client's streams, handed to the command: the daemon copies nothing. */
export class ClientIo implements ExecIo {
  readonly resize = undefined;
  readonly #passed: PassedStreams;
  readonly #kept: KeptStreams;

  private constructor(passed: PassedStreams, kept: KeptStreams) {
    this.#passed = passed;
    this.#kept = kept;
  }

  /** Throws as PassedStreams does. */
  static async open(streams: ClientStreams, owner: StreamOwner | undefined): Promise<ClientIo> {
    await using opened = new AsyncDisposableStack();
    const passed = opened.use(await PassedStreams.open(streams));
    if (owner !== undefined) await passed.giveTo(owner);
    const kept = await passed.keep();
    opened.move();
    return new ClientIo(passed, kept);
  }

  adapt(process: OciProcess): OciProcess {
    return { ...process, terminal: false };
  }

  prepare(): ExecStdio {
    return this.#passed.stdio;
  }

  connect(runtime: Subprocess): void {
    // Closing them neither waits nor fails.
    void this.#passed[Symbol.asyncDispose]();
    runtime.stdio[0]?.destroy();
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return { bytes: 0, text: "" };
  }

  /** It is between the command and the client. */
  async outputEnded(): Promise<void> {}

  closeStdin(): void {
    void this.#kept.closeStdin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept[Symbol.asyncDispose]();
    await this.#passed[Symbol.asyncDispose]();
    if (this.#passed.logger !== undefined) await endLogger(this.#passed.logger);
  }
}
