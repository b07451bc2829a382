import { setTimeout as sleep } from "node:timers/promises";
import type { ConsoleSocket, Terminal } from "../../linux/index.ts";
import type { TaskIo, TerminalSize } from "../tasks.ts";
import { copyInput } from "./copy-input.ts";
import { OutputCopy } from "./copy-output.ts";
import { followSizes } from "./follow-sizes.ts";

/** Disposing of it hangs the terminal up. */
type TerminalConnection = Disposable & {
  /** Resolves when the terminal has come, or will not. */
  made(timeoutMs: number): Promise<void>;
  /** See OutputCopy. */
  ended(signal: AbortSignal): Promise<void>;
};

/** Connects the terminal to a client when it comes; before that nothing is read from the client. */
export function connectTerminal(consoleSocket: ConsoleSocket, io: TaskIo): TerminalConnection {
  let output: OutputCopy | undefined;
  let isClosed = false;
  const connect = (terminal: Terminal) => {
    if (isClosed) return;
    output = new OutputCopy(terminal.socket, io.stdout);
    // A terminal's input has no end of its own: whoever is done types control-D.
    if (io.stdin !== undefined) copyInput(io.stdin, terminal.socket, () => undefined);
    const resize = (size: TerminalSize) => {
      if (!isClosed) terminal.resize(size);
    };
    // A size that the kernel does not take leaves the terminal as it is.
    followSizes(io.resize, resize).catch(() => undefined);
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
