import { closeSync, openSync, readSync } from "node:fs";

/**
 * The largest of these files, memory.stat of a cgroup, has some 2 KiB; cgroup.procs grows with its processes.
 */
let buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * A kernel file's whole text; undefined when there is none, or no longer one. Synchronous, as the kernel
 * makes it in some microseconds.
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

/** A kernel file makes its text as it is read: it is at its end when a read gives nothing. */
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
 * What cannot be had (EOPNOTSUPP is ENOTSUP to Node): a file or a feature that is not there (pressure on a
 * kernel without it), or a cgroup or process that has gone.
 */
const absent = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ESRCH", "ENOTSUP"]);

function ifGone(error: unknown): undefined {
  if (!absent.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
}

let names: ReadonlyMap<string, string> = new Map();

/** The device file's usual path ("/dev/vda") of a `MAJOR:MINOR`; "" when the kernel lists none. */
export function blockDeviceName(device: string): string {
  // Devices come while the daemon runs: one that is new here is looked for.
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
