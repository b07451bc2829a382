import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { TestTerminal } from "../../src/clients/cli/testing/terminal.ts";
import type { TestBerth } from "./berth.ts";

const main = new URL("../../dist/berth.cjs", import.meta.url).pathname;

export type CliOutcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Starts the command line `berth` with a daemon; the signal is SIGINT. */
export function startCli(
  berth: Pick<TestBerth, "socket">,
  argv: readonly string[],
  { stdin = "", signal }: { readonly stdin?: string | Buffer; readonly signal?: AbortSignal } = {},
) {
  const child = spawn(process.execPath, [main, ...argv], { env: environment(berth) });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  signal?.addEventListener("abort", () => child.kill("SIGINT"));
  const outcome = async (): Promise<CliOutcome> => {
    const [[status], stdout, stderr] = await Promise.all([
      once(child, "close"),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { status, stdout, stderr };
  };
  return { child, outcome: outcome() };
}

/** Runs the command line to its end. */
export function cli(berth: Pick<TestBerth, "socket">, ...argv: readonly string[]): Promise<CliOutcome> {
  return startCli(berth, argv).outcome;
}

/**
 * Runs the command line, which must succeed and write nothing on stderr, and returns its output without the
 * last newline.
 */
export async function cliOutput(
  berth: Pick<TestBerth, "socket">,
  ...argv: readonly string[]
): Promise<string> {
  const { status, stdout, stderr } = await cli(berth, ...argv);
  if (status !== 0 || stderr !== "") throw new Error(`berth ${argv.join(" ")}: status ${status}: ${stderr}`);
  return stdout.trimEnd();
}

/** The command line in a terminal. */
export function cliTerminal(berth: Pick<TestBerth, "socket">, ...argv: readonly string[]): TestTerminal {
  return new TestTerminal(argv, environment(berth));
}

function environment(berth: Pick<TestBerth, "socket">): Readonly<Record<string, string>> {
  return { PATH: process.env.PATH ?? "", BERTH_ADDRESS: berth.socket };
}
