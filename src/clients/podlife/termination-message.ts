import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import type { Container } from "../manifests/index.ts";
import { type Pod, type PodContext, terminationLog } from "../podspec/index.ts";
import { endOfLog } from "./logs/log-end.ts";
import type { ObservedContainer } from "./observe.ts";

/** A kubelet's limits for the file, for a log, and for all containers of a pod together. */
const maxFileBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;
const maxPodBytes = 12 * 1024;

type Ended = Pick<ObservedContainer, "attempt" | "exitCode" | "logPath" | "message">;

/**
 * A container's termination message, as a kubelet composes it: the runtime's message, followed by the end of
 * its file, or, if that is empty, requested, and the container failed, by the end of its log.
 */
export async function terminationMessage(
  container: Container,
  observed: Ended,
  pod: Pod,
  context: Pick<PodContext, "podsDir">,
): Promise<string> {
  const words = await lastWords(container, observed, pod, context);
  const message = [observed.message, words].filter((text) => text !== "").join(": ");
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const sharers = containers.length + initContainers.length + ephemeralContainers.length;
  return Buffer.from(message)
    .subarray(0, Math.floor(maxPodBytes / sharers))
    .toString();
}

async function lastWords(
  container: Container,
  { attempt, exitCode, logPath }: Ended,
  pod: Pod,
  context: Pick<PodContext, "podsDir">,
): Promise<string> {
  const written = await endOfFile(terminationLog(context, pod, container.name, attempt));
  const wantsLog = container.terminationMessagePolicy === "FallbackToLogsOnError" && exitCode !== 0;
  if (written !== "" || !wantsLog || logPath === "") return written;
  return (await endOfLog(logPath, maxLogLines, maxLogBytes)).toString();
}

/** Empty if it does not exist. */
async function endOfFile(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const length = Math.min(size, maxFileBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
