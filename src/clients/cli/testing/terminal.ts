import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { until } from "../../../testing/until.ts";

const main = new URL("../main.ts", import.meta.url).pathname;

/** The command line in a terminal of its own (util-linux's script has it), of 100 by 30 characters. */
export class TestTerminal implements AsyncDisposable {
  readonly #script: ChildProcess;
  readonly #ended: Promise<unknown>;
  #shown = "";

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const cli = [process.execPath, main, ...argv].map(quoted).join(" ");
    // Afterwards it shows what the terminal's modes are then.
    const shell = `stty rows 30 cols 100; tty; ${cli}; status=$?; stty -a; exit $status`;
    this.#script = spawn("script", ["-qec", shell, "/dev/null"], {
      env: { ...process.env, ...env, SHELL: "/bin/sh", TERM: "xterm" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#script.stdout?.on("data", (chunk: Buffer) => {
      this.#shown += chunk.toString("latin1");
    });
    this.#ended = once(this.#script, "close");
  }

  /** All that was shown, as the terminal got it. */
  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys, "latin1");
  }

  shows(text: string): Promise<boolean> {
    return until(() => this.#shown.includes(text));
  }

  /** Tells the terminal another height, as its window does. */
  async resize(rows: number): Promise<void> {
    await once(spawn("stty", ["-F", await this.#device(), "rows", String(rows)]), "close");
  }

  /** Path of the terminal's device. */
  async #device(): Promise<string> {
    return until(() => /\/dev\/pts\/\d+/.exec(this.#shown)?.[0]);
  }

  /** Exit status of the command line; waits for its end. */
  async status(): Promise<number> {
    await until(() => this.#script.exitCode !== null);
    await this.#ended;
    return this.#script.exitCode ?? 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#script.exitCode === null) this.#script.kill();
    await this.#ended;
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
