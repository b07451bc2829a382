import { readdirSync } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import { readKernelFile } from "./kernel-file.ts";

/** File names by controller; for huge pages, by page size. */
type FileNames = Readonly<Record<string, readonly string[]>> & { readonly hugetlb: readonly string[] };

const v1Memory = ["memory", "memory.memsw", "memory.kmem", "memory.kmem.tcp"].flatMap((counter) =>
  ["usage_in_bytes", "max_usage_in_bytes", "failcnt", "limit_in_bytes"].map((name) => `${counter}.${name}`),
);

export const v1Figures: FileNames = {
  cpu: ["cpu.stat"],
  cpuacct: ["cpuacct.usage", "cpuacct.usage_percpu", "cpuacct.usage_user", "cpuacct.usage_sys"],
  memory: ["memory.stat", "memory.oom_control", ...v1Memory],
  pids: ["pids.current", "pids.max"],
  blkio: ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"],
  hugetlb: ["usage_in_bytes", "max_usage_in_bytes", "failcnt"],
};

export const v2Figures: FileNames = {
  cpu: ["cpu.stat", "cpu.pressure"],
  memory: [
    "stat",
    "events",
    "pressure",
    "current",
    "max",
    "peak",
    "swap.current",
    "swap.max",
    "swap.peak",
  ].map((name) => `memory.${name}`),
  pids: ["pids.current", "pids.max"],
  io: ["io.stat", "io.pressure"],
  hugetlb: ["current", "max", "events"],
};

/** The texts of existing files, by name. An undefined directory is a controller that is not mounted. */
export function readFigures(
  names: FileNames,
  directoryOf: (controller: string) => string | undefined,
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [controller, files] of Object.entries(names)) {
    const directory = directoryOf(controller);
    if (directory === undefined) continue;
    for (const name of controller === "hugetlb" ? hugepageFiles(directory, files) : files) {
      const text = readKernelFile(`${directory}/${name}`);
      if (text !== undefined) texts.set(name, text);
    }
  }
  return texts;
}

function hugepageFiles(directory: string, ends: readonly string[]): readonly string[] {
  const sizes = hugepageSizes(directory, /^hugetlb\.(\w+)\.(?:usage_in_bytes|current)$/) ?? [];
  return sizes.flatMap((size) => ends.map((end) => `hugetlb.${size}.${end}`));
}

/**
 * The page sizes that a cgroup's directory has files for; `form` finds one in a file's name. Undefined if the
 * directory or the controller does not exist.
 */
export function hugepageSizes(directory: string, form: RegExp): readonly string[] | undefined {
  try {
    const sizes = readdirSync(directory).flatMap((file) => form.exec(file)?.[1] ?? []);
    return sizes.length === 0 ? undefined : sizes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
