import { setTimeout as sleep } from "node:timers/promises";
import type { ConsoleSocket, Terminal } from "../../../ground/linux/index.ts";
import type { TaskIo } from "../tasks.ts";
import { copyInput } from "./copy-input.ts";
import { OutputCopy } from "./copy-output.ts";
import type { TerminalSizes } from "./terminal-sizes.ts";

/** A client's streams, with the sizes of its terminal as they come. */
export type TerminalIo = Pick<TaskIo, "stdin" | "stdout"> & { readonly sizes: TerminalSizes };

/** Disposing of it hangs the terminal up. */
export type TerminalConnection = Disposable & {
  /** Resolves when the terminal has come, or will not. */
  made(timeoutMs: number): Promise<void>;
  /** See OutputCopy. */
  ended(signal: AbortSignal): Promise<void>;
};

/** Connects the terminal to a client when it comes; before that nothing is read from its input. */
export function connectTerminal(consoleSocket: ConsoleSocket, io: TerminalIo): TerminalConnection {
  let output: OutputCopy | undefined;
  let isClosed = false;
  const connect = (terminal: Terminal) => {
    if (isClosed) return;
    output = new OutputCopy(terminal.socket, io.stdout);
    // The input of a terminal has no separate end: the user types control-D.
    if (io.stdin !== undefined) copyInput(io.stdin, terminal.socket, () => undefined);
    io.sizes.applyTo((size) => {
      if (!isClosed) terminal.resize(size);
    });
  };
  // Where none comes the OCI runtime has failed, and says why.
  const connected = consoleSocket.terminal.then(connect, () => undefined);
  return {
    made: (timeoutMs) => Promise.race([connected, sleep(timeoutMs, undefined, { ref: false })]),
    ended: async (signal) => output?.ended(signal),
    [Symbol.dispose]: () => {
      isClosed = true;
      consoleSocket.terminal.then(
        (terminal) => terminal[Symbol.dispose](),
        () => undefined,
      );
    },
  };
}
