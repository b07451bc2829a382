import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Io } from "../invocation.ts";

/**
 * Our own terminal while a program in a container uses it: every key is passed on, including Ctrl-C, and its
 * output is shown unchanged. Disposing of it restores the terminal; so does the end of the process.
 */
export class RawTerminal implements Disposable {
  readonly #stdin: Io["stdin"];

  private constructor(stdin: Io["stdin"]) {
    this.#stdin = stdin;
  }

  /** Switches the terminal to raw mode; undefined if our standard input is not a terminal. */
  static async enter({ stdin }: Io): Promise<RawTerminal | undefined> {
    if (stdin.isTTY !== true || stdin.setRawMode === undefined) return undefined;
    stdin.setRawMode(true);
    const terminal = new RawTerminal(stdin);
    await leaveOutputAlone(stdin);
    return terminal;
  }

  [Symbol.dispose](): void {
    this.#stdin.setRawMode?.(false);
  }
}

/**
 * Turns off output processing. In Node's raw mode, the terminal still writes "\r
 * " for "
 * "; the terminal in the container has already done so, or its program has turned it off because it means a
 * bare line feed. Node has no call for it; without stty, the output of full-screen programs looks somewhat
 * wrong.
 */
async function leaveOutputAlone(stdin: Io["stdin"]): Promise<void> {
  const stty = spawn("stty", ["-opost"], { stdio: [stdin, "ignore", "ignore"] });
  await once(stty, "close").catch(() => {});
}
