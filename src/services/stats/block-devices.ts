import { readKernelFile } from "./kernel-file.ts";

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
