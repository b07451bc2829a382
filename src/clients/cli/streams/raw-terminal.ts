import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Io } from "../invocation.ts";

/**
 * Our own terminal while a program in a container uses it: every key goes there as it is, Ctrl-C too, and
 * what comes back is shown as it is. Disposing it makes it an ordinary terminal again; so does the end of the
 * process.
 */
export class RawTerminal implements Disposable {
  readonly #stdin: Io["stdin"];

  private constructor(stdin: Io["stdin"]) {
    this.#stdin = stdin;
  }

  /** Undefined when our standard input is no terminal. */
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
 * Node's raw mode lets the terminal go on to write "\r\n" for "\n"; the terminal in the container has done so
 * already, or its program has turned it off because it means a bare line feed. Node has no call for that, and
 * where there is no stty, programs that draw on the screen look somewhat wrong.
 */
async function leaveOutputAlone(stdin: Io["stdin"]): Promise<void> {
  const stty = spawn("stty", ["-opost"], { stdio: [stdin, "ignore", "ignore"] });
  await once(stty, "close").catch(() => {});
}
