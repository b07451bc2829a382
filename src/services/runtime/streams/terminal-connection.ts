import { setTimeout as sleep } from "node:timers/promises";
import type { ConsoleSocket, Terminal } from "../../../ground/linux/index.ts";
import type { TaskIo } from "../tasks.ts";
import { copyInput } from "./copy-input.ts";
import { OutputCopy } from "./copy-output.ts";
import type { TerminalSizes } from "./terminal-sizes.ts";

/** A client's streams and the sizes of its terminal. */
export type TerminalIo = Pick<TaskIo, "stdin" | "stdout"> & { readonly sizes: TerminalSizes };

/** Disposing hangs up the terminal. */
export type TerminalConnection = Disposable & {
  /** Resolves when the terminal is connected, or will not be. */
  made(timeoutMs: number): Promise<void>;
  /** See OutputCopy. */
  ended(signal: AbortSignal): Promise<void>;
};

/** Connects the terminal to a client when it is received; before that, nothing is read from the client. */
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
  // If none is received, the OCI runtime has failed, and reports why.
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
