import { type ExecFileException, execFile } from "node:child_process";
import { promisify } from "node:util";
import { codeOf } from "../../../ground/errors/index.ts";
import { runtimeEnvironment } from "../oci-runtime/oci-runtime.ts";
import type { Handler } from "./handler.ts";

const run = promisify(execFile);

const featuresMs = 20_000;

/** A program's answer. */
export type Answer = {
  readonly stdout: string;
  readonly stderr: string;
  /**
   * Why there is none: the program failed or could not be started, or (`late`) it did not answer in time or
   * the machine has no resources to start it.
   */
  readonly failure?: { readonly kind: "late" | "failed"; readonly message: string };
};

/** Runs a program with one argument, and kills it if it does not end in time. Never throws. */
export async function ask(path: string, argument: string, answerMs: number): Promise<Answer> {
  try {
    return await run(path, [argument], {
      timeout: answerMs,
      killSignal: "SIGKILL",
      env: runtimeEnvironment,
    });
  } catch (error) {
    const { killed, code, signal, ...output } = error as ExecFileException;
    const [stdout, stderr] = [String(output.stdout ?? ""), String(output.stderr ?? "")];
    // A program with too much output is killed, too, but with a code.
    if (killed && typeof code !== "string") {
      const message = `${path} ${argument} did not answer within ${answerMs / 1000} s`;
      return { stdout, stderr, failure: { kind: "late", message } };
    }
    if (codeOf(error) === "ResourceExhausted") {
      const message = `${path} ${argument} cannot be started: out of processes, descriptors or memory (${code})`;
      return { stdout, stderr, failure: { kind: "late", message } };
    }
    const how = signal ?? (typeof code === "number" ? `exit code ${code}` : code);
    const said = firstLine(stderr) || firstLine(stdout);
    const message = `${path} ${argument} fails (${how})${said === "" ? "" : `: ${said}`}`;
    return { stdout, stderr, failure: { kind: "failed", message } };
  }
}

/**
 * The output of a handler's program for `features` (runtime-spec, features.md), in JSON. Undefined if it does
 * not know the command, like crun before 1.9, or does not respond.
 */
export async function askFeatures({ path, usability }: Handler): Promise<Uint8Array | undefined> {
  if (usability.kind === "unusable") return undefined;
  const { stdout, failure } = await ask(path, "features", featuresMs);
  return failure === undefined ? Buffer.from(stdout) : undefined;
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? ""
  );
}
