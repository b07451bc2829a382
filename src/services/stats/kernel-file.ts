import { closeSync, openSync, readSync } from "node:fs";

/**
 * The largest of these files, memory.stat of a cgroup, has some 2 KiB; cgroup.procs grows with its processes.
 */
let buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * A kernel file's whole text; undefined if it does not exist (any more). Synchronous, since the kernel
 * generates it in a few microseconds.
 */
export function readKernelFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    return ifGone(error);
  }
  try {
    return readAll(fd);
  } catch (error) {
    return ifGone(error);
  } finally {
    closeSync(fd);
  }
}

/** The kernel generates the text while it is read: only an empty read is its end. */
function readAll(fd: number): string {
  let length = 0;
  for (;;) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    length += read;
    if (read === 0) return buffer.toString("latin1", 0, length);
    if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}

/**
 * Errors that mean "does not exist" (Node calls EOPNOTSUPP ENOTSUP): a missing file or feature (such as
 * pressure), or a removed cgroup or ended process.
 */
const absent = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ESRCH", "ENOTSUP"]);

function ifGone(error: unknown): undefined {
  if (!absent.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
}

let names: ReadonlyMap<string, string> = new Map();

/** The usual device file ("/dev/vda") of a `MAJOR:MINOR`; "" if the kernel does not list the device. */
export function blockDeviceName(device: string): string {
  // Devices may be added while the daemon runs: an unknown one is looked up again.
  if (!names.has(device)) names = new Map([...names, [device, ""], ...listed()]);
  return names.get(device) ?? "";
}

/** /proc/partitions: `major minor #blocks name` under a heading. */
function listed(): ReadonlyMap<string, string> {
  const lines = (readKernelFile("/proc/partitions") ?? "").split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, major, minor, name] = /^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[`${major}:${minor}`, `/dev/${name.replaceAll("!", "/")}`] as const];
    }),
  );
}
