import { lstat, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ignoreNowhere } from "../../../ground/fs/index.ts";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { isRecord } from "../../../ground/json/index.ts";
import { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { CheckpointError } from "../../../services/checkpoint/index.ts";
import type { SandboxRecord } from "../records/records.ts";

/**
 * A pod checkpoint's description, `pod.dump`, which is written last. Each container has an archive next to
 * it, in the format that CheckpointContainer writes.
 */
export type PodDump = {
  readonly containers: readonly PodDumpContainer[];
};

export type PodDumpContainer = {
  readonly name: string;
  /** Name of its archive. */
  readonly archive: string;
  /** As requested, for users and tools; not read here. */
  readonly config?: unknown;
};

const dumpName = "pod.dump";
const maxBytes = 16 * 1024 * 1024;

/** Path of the file that names a pod's archives. */
export function podDumpPath(directory: string): string {
  return join(directory, dumpName);
}

export async function writePodDump(
  directory: string,
  sandbox: SandboxRecord,
  containers: readonly PodDumpContainer[],
  lookUp: LookUp,
): Promise<void> {
  const dump = {
    version: 1,
    checkpointedTime: new Date().toISOString(),
    runtime: sandbox.resolvedHandler,
    config: PodSandboxConfig.toJSON(sandbox.config),
    containers,
  };
  const path = podDumpPath(directory);
  const text = JSON.stringify(dump, undefined, 2);
  await lookUp(path, () => writeFile(path, text, { mode: 0o600, flush: true }));
}

/** Reads an untrusted `pod.dump`. Throws CheckpointError InvalidArgument. */
export async function readPodDump(directory: string, lookUp: LookUp): Promise<PodDump> {
  const path = podDumpPath(directory);
  const refuse = (why: string): never => {
    throw new CheckpointError("InvalidArgument", `${path} ${why}`);
  };
  const text = await lookUp(path, async () => {
    const stat = await lstat(path).catch(ignoreNowhere);
    if (!stat?.isFile()) return refuse("not found: the directory does not hold a checkpoint of a pod");
    if (stat.size > maxBytes) return refuse(`is larger than ${maxBytes} bytes`);
    return readFile(path, "utf8");
  });
  const { version, containers } = parse(text, refuse);
  if (version !== 1) return refuse(`has version ${String(version)}, but only version 1 is supported`);
  if (!Array.isArray(containers) || !containers.every(isContainer))
    return refuse("has no list of containers");
  return { containers };
}

function parse(text: string, refuse: (why: string) => never) {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return refuse("is not JSON");
  }
}

/** The archive must be in the same directory. */
function isContainer(value: unknown): value is PodDumpContainer {
  if (typeof value !== "object" || value === null || !("name" in value) || !("archive" in value))
    return false;
  const { name, archive } = value;
  return (
    typeof name === "string" &&
    typeof archive === "string" &&
    archive === basename(archive) &&
    archive !== ".." &&
    archive !== ""
  );
}
