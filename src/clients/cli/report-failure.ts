import { messageOf } from "../../ground/errors/index.ts";
import { exitCode, exitCodeOf, hasUserMessage } from "./errors.ts";
import type { Invocation } from "./invocation.ts";
import { styleFor } from "./output/style.ts";
import { printableLines } from "./output/table.ts";

/** Tells the user what went wrong and returns the exit status. With BERTH_DEBUG, the stack is shown, too. */
export function reportFailure(error: unknown, { io, signal, failureExitCode }: Invocation): number {
  if (signal.aborted) return exitCode.interrupted;
  const text = printableLines(hasUserMessage(error) ? error.message : messageOf(error));
  io.stderr.write(`${styleFor(io.stderr, io.env).red("berth:")} ${text}\n`);
  if ((io.env.BERTH_DEBUG ?? "") !== "") io.stderr.write(`${inspected(error)}\n`);
  if (!hasUserMessage(error)) return failureExitCode ?? exitCode.failure;
  return error.commandStatus ?? failureExitCode ?? exitCodeOf(error);
}

/** Loaded here: importing node:util loads a seventh of Node's modules, for which every command would wait. */
function inspected(error: unknown): string {
  return process.getBuiltinModule("node:util").inspect(error);
}
