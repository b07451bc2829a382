import { open, readFile } from "node:fs/promises";
import { LinuxError } from "../linux-error.ts";

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export type MountInfo = {
  readonly id: number;
  readonly parentId: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** The directory of the file system that is visible at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Number of the peer group that it sends mounts to and gets them from. */
  readonly sharedGroup: number | undefined;
  /** Number of the peer group that it gets mounts from. */
  readonly masterGroup: number | undefined;
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};

/**
 * The mounts of this process's mount namespace, in the order of their creation; with `type`, only of types
 * that begin with it, or that a sticky expression matches. A host with many pods has thousands, which take
 * milliseconds to parse.
 */
export async function mountInfo({
  type = "",
}: {
  readonly type?: string | RegExp;
} = {}): Promise<readonly MountInfo[]> {
  return linesOfType(await readFile("/proc/self/mountinfo", "utf8"), type).map(parseLine);
}

/** Behind it is the type. It occurs once in a line: spaces in paths are written as octal digits. */
const separator = " - ";

function linesOfType(text: string, type: string | RegExp): readonly string[] {
  const lines: string[] = [];
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) {
    if (!beginsWith(text, type, at + separator.length)) continue;
    const end = text.indexOf("\n", at);
    lines.push(text.slice(text.lastIndexOf("\n", at) + 1, end === -1 ? text.length : end));
  }
  return lines;
}

function beginsWith(text: string, beginning: string | RegExp, at: number): boolean {
  if (typeof beginning === "string") return text.startsWith(beginning, at);
  beginning.lastIndex = at;
  return beginning.test(text);
}

/** Parses a mountinfo file. Throws LinuxError for an invalid line. */
export function parseMountInfo(text: string): readonly MountInfo[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

/**
 * Propagation of the mount that contains `path`: a slave that is also shared counts as shared. Throws
 * LinuxError if the path does not exist.
 */
export async function mountPropagationOf(path: string): Promise<"private" | "slave" | "shared"> {
  const info = await mountOf(path);
  if (info?.sharedGroup !== undefined) return "shared";
  return info?.masterGroup === undefined ? "private" : "slave";
}

/**
 * The mount that contains `path`; undefined if it is not in this process's namespace. Throws LinuxError if
 * the path does not exist.
 */
export async function mountOf(path: string): Promise<MountInfo | undefined> {
  const id = await mountIdOf(path);
  return (await mountInfo()).find((mount) => mount.id === id);
}

const O_PATH = 0o10000000;

/** Asks the kernel: comparing path prefixes would be wrong with symbolic links and stacked mounts. */
async function mountIdOf(path: string): Promise<number> {
  await using handle = await open(path, O_PATH).catch((cause: NodeJS.ErrnoException) => {
    throw new LinuxError("open", cause.code ?? "EIO", path, { cause });
  });
  const text = await readFile(`/proc/self/fdinfo/${handle.fd}`, "utf8");
  return Number(/^mnt_id:\s*(\d+)$/m.exec(text)?.[1]);
}

function parseLine(line: string): MountInfo {
  const [front = "", back = ""] = line.split(separator, 2);
  const [id, parentId, device, root, mountPoint, options, ...tags] = front.split(" ");
  const [type, source, superOptions] = back.split(" ");
  if (device === undefined || root === undefined || mountPoint === undefined || superOptions === undefined) {
    throw new LinuxError("read", "EINVAL", `mountinfo, line ${JSON.stringify(line)}`);
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: (options ?? "").split(","),
    sharedGroup: groupOf(tags, "shared"),
    masterGroup: groupOf(tags, "master"),
    type: type ?? "",
    source: unescapeOctal(source ?? ""),
    superOptions: superOptions.split(","),
  };
}

function groupOf(tags: readonly string[], name: string): number | undefined {
  const tag = tags.find((candidate) => candidate.startsWith(`${name}:`));
  return tag === undefined ? undefined : Number(tag.slice(name.length + 1));
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescapeOctal(text: string): string {
  return !text.includes("\\")
    ? text
    : text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
