import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { until } from "../../../testing/until.ts";

const main = new URL("../main.ts", import.meta.url).pathname;

/**
 * Runs the command line in a terminal of its own (made by util-linux's script) with 100 columns and 30 rows.
 */
export class TestTerminal implements AsyncDisposable {
  readonly #script: ChildProcess;
  readonly #ended: Promise<unknown>;
  #shown = "";

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const cli = [process.execPath, main, ...argv].map(quoted).join(" ");
    // Prints the terminal's modes afterwards.
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

  /** All output, as the terminal received it. */
  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys, "latin1");
  }

  shows(text: string): Promise<boolean> {
    return until(() => this.#shown.includes(text));
  }

  /** Changes the terminal's height, as its window would. */
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
