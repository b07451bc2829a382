import { open, stat } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { closeFile, openBeneath, openDirectory } from "../../ground/linux/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { PodSpecError } from "./errors.ts";
import { emptyDir } from "./volumes/empty-dir.ts";

/** A kubelet's maximum size of a file of variables. */
const maxBytes = 64 * 1024;

export type FileKey = { readonly key: string; readonly path: string; readonly volumeName: string };

/**
 * The value of a variable in a file that an earlier container wrote into an emptyDir
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file/). Undefined
 * if the file or the variable is missing. Throws PodSpecError for an invalid file.
 */
export async function envFileValue(
  { key, path, volumeName }: FileKey,
  { pod, context }: ContainerRequest,
): Promise<string | undefined> {
  const volume = pod.spec.volumes?.find(({ name }) => name === volumeName);
  if (volume?.emptyDir === undefined)
    throw new PodSpecError("InvalidArgument", `fileKeyRef: volume ${volumeName} is not an emptyDir`);
  const text = await readBeneath(await emptyDir(volume, pod, context), path);
  return text === undefined ? undefined : readVariables(text, path).get(key);
}

/** Reads a file without leaving the directory: the container may have replaced it with a link. */
async function readBeneath(directory: string, path: string): Promise<string | undefined> {
  const root = openDirectory(directory);
  try {
    const place = await openBeneath(root, path);
    try {
      const found = `/proc/self/fd/${place}`;
      // Opening something else, such as a FIFO, could block.
      const text = (await stat(found)).isFile() ? await readSmall(found) : undefined;
      if (text !== undefined) return text;
      throw new PodSpecError(
        "FailedPrecondition",
        `fileKeyRef: ${path} is not a file of at most ${maxBytes} bytes`,
      );
    } finally {
      closeFile(place);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (!isErrno(error, "EXDEV", "ELOOP", "ENOTDIR")) throw error;
    throw new PodSpecError("FailedPrecondition", `fileKeyRef: ${path} leads out of its volume`, {
      cause: error,
    });
  } finally {
    closeFile(root);
  }
}

/** Reads a small file; undefined for a larger one, even if it grows while it is read. */
async function readSmall(path: string): Promise<string | undefined> {
  await using file = await open(path);
  const text = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < text.length) {
    const { bytesRead } = await file.read(text, length);
    if (bytesRead === 0) return text.toString("utf8", 0, length);
    length += bytesRead;
  }
  return undefined;
}

/** Parses lines of `NAME='value'`, where a value may span several lines; "#" begins a comment. */
export function readVariables(text: string, path: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const lineEnd = endOfLine(text, at);
    const line = text.slice(at, lineEnd).trim();
    if (line === "" || line.startsWith("#")) {
      at = lineEnd + 1;
      continue;
    }
    const begin = text.indexOf("='", at);
    const end = text.indexOf("'", begin + 2);
    const name = begin === -1 || begin > lineEnd ? "" : text.slice(at, begin).trim();
    const after = end === -1 ? "" : text.slice(end + 1, endOfLine(text, end)).trim();
    if (!isName(name) || end === -1 || (after !== "" && !after.startsWith("#")))
      // The line is not shown, since values may be secret.
      throw new PodSpecError("FailedPrecondition", `fileKeyRef: ${path} has a line that is not NAME='value'`);
    variables.set(name, text.slice(begin + 2, end));
    at = endOfLine(text, end) + 1;
  }
  return variables;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

function isName(text: string): boolean {
  return text !== "" && !text.includes("=") && !text.includes(" ");
}
