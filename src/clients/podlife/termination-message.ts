import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import type { Container } from "../manifests/index.ts";
import { type Pod, type PodContext, terminationLog } from "../podspec/index.ts";
import type { ObservedContainer } from "./observe.ts";

/** A kubelet's limits for the file and for a log. */
const maxFileBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

/**
 * A container's termination message: its file's content; otherwise, if requested and the container failed,
 * the end of its log; otherwise the runtime's message.
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
  // Each line starts with a time, a stream and a tag.
  const log = await endOf(observed.logPath, maxLogBytes * 4, "end");
  const lines = log
    .split("\n")
    .filter((line) => line !== "")
    .slice(-maxLogLines);
  const text = lines.map((line) => `${line.split(" ").slice(3).join(" ")}\n`).join("");
  return Buffer.from(text).subarray(-maxLogBytes).toString();
}

/** This many bytes of a file's start or end; empty if it does not exist. */
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
