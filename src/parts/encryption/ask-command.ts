import { execFile } from "node:child_process";
import { codeOf } from "../../ground/errors/index.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { KeyProvider } from "./key-providers.ts";

const timeoutMs = 30_000;
const maxAnswerBytes = 1024 * 1024;
/** Maximum length of the part of a program's stderr that an error quotes. */
const maxReason = 300;

/**
 * Starts the program for one request, passes that on stdin, and returns its output. Throws EncryptionError:
 * FailedPrecondition if it cannot be started or fails, Unavailable if it does not exit within 30 s,
 * ResourceExhausted if the machine has no resources left for it; and the signal's reason.
 */
export async function askCommand(
  { path, args }: Extract<KeyProvider, { readonly kind: "command" }>,
  question: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return await new Promise((resolve, reject) => {
    const options = {
      encoding: "buffer" as const,
      timeout: timeoutMs,
      maxBuffer: maxAnswerBytes,
      killSignal: "SIGKILL" as const,
      signal,
    };
    const child = execFile(path, args, options, (error, answer, said) => {
      if (error === null) resolve(answer);
      else if (signal.aborted) reject(signal.reason);
      else if (codeOf(error) === "ResourceExhausted")
        reject(new EncryptionError("ResourceExhausted", `${path} cannot be started (${error.code})`));
      else if (error.killed) reject(new EncryptionError("Unavailable", `${path} did not answer in time`));
      else
        reject(new EncryptionError("FailedPrecondition", `${path} failed (${error.code})${reasonIn(said)}`));
    });
    // A program that exits without reading its input is judged by its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(question);
  });
}

function reasonIn(said: Uint8Array): string {
  const text = Buffer.from(said).toString("utf8").trim();
  return text === "" ? "" : `: ${JSON.stringify(text.slice(0, maxReason))}`;
}
