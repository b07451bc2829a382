import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import type { Container } from "../manifests/index.ts";
import { type Pod, type PodContext, terminationLog } from "../podspec/index.ts";
import type { ObservedContainer } from "./observe.ts";

/** As a kubelet takes of the file, and of a log. */
const maxFileBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

/**
 * A container's last words: what it wrote into its file, else, where it asks for that and failed, the end of
 * its log; else what the runtime says.
 */
export async function terminationMessage(
  container: Container,
  observed: ObservedContainer,
  pod: Pod,
  context: PodContext,
): Promise<string> {
  const written = await endOf(
    terminationLog(context, pod, container.name, observed.attempt),
    maxFileBytes,
    "start",
  );
  if (written !== "") return written;
  const wantsLog = container.terminationMessagePolicy === "FallbackToLogsOnError" && observed.exitCode !== 0;
  if (!wantsLog || observed.logPath === "") return observed.message;
  // Each line has a time, a stream and a tag in front of what was written.
  const log = await endOf(observed.logPath, maxLogBytes * 4, "end");
  const lines = log
    .split("\n")
    .filter((line) => line !== "")
    .slice(-maxLogLines);
  const text = lines.map((line) => `${line.split(" ").slice(3).join(" ")}\n`).join("");
  return Buffer.from(text).subarray(-maxLogBytes).toString();
}

/** So many bytes of a file's start or end; empty when it is not there. */
async function endOf(path: string, bytes: number, which: "start" | "end"): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(length),
      0,
      length,
      which === "start" ? 0 : size - length,
    );
    return buffer.subarray(0, bytesRead).toString();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
