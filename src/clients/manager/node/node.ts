import { readdir, readFile, statfs } from "node:fs/promises";
import { arch, cpus, hostname, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { ignoreGone, isErrno } from "../../../ground/fs/index.ts";
import type { Amounts } from "../../podspec/index.ts";

/** The resources of this machine for pods. */
export type Node = {
  readonly labels: Readonly<Record<string, string>>;
  /** Amounts by resource, in the units of pods' requests: cores, bytes. */
  readonly allocatable: Amounts;
};

/** Memory that a kubelet reserves, since there is pressure below it (its default eviction thresholds). */
const keptMemoryBytes = 100 * 2 ** 20;
const keptDisk = 0.1;

const hugePagesDirectory = "/sys/kernel/mm/hugepages";
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };

/**
 * The resources that a kubelet with its defaults would offer; pods have their files on the file system of
 * `dataDir`.
 */
export async function readNode(dataDir: string, labels: Node["labels"] = {}): Promise<Node> {
  const name = hostname();
  const architecture = architectures[arch()] ?? arch();
  const pages = await hugePages();
  const reserved = Object.values(pages).reduce((sum, bytes) => sum + bytes, 0);
  const disk = await fileSystemOf(dataDir);
  return {
    labels: {
      "kubernetes.io/arch": architecture,
      "kubernetes.io/hostname": name,
      "kubernetes.io/os": "linux",
      ...labels,
    },
    allocatable: {
      cpu: cpus().length,
      memory: Math.max(0, totalmem() - reserved - keptMemoryBytes),
      "ephemeral-storage": Math.floor(disk.blocks * disk.bsize * (1 - keptDisk)),
      ...pages,
    },
  };
}

/** The huge pages that the kernel has reserved, such as `hugepages-2Mi`. */
async function hugePages(): Promise<Amounts> {
  const found: Record<string, number> = {};
  for (const name of (await readdir(hugePagesDirectory).catch(ignoreGone)) ?? []) {
    const kib = Number(name.replace("hugepages-", "").replace("kB", ""));
    const text = await readFile(join(hugePagesDirectory, name, "nr_hugepages"), "utf8");
    const size = kib >= 2 ** 20 ? `${kib / 2 ** 20}Gi` : kib >= 2 ** 10 ? `${kib / 2 ** 10}Mi` : `${kib}Ki`;
    found[`hugepages-${size}`] = Number(text) * kib * 1024;
  }
  return found;
}

/** For a missing directory, the file system of its parent. */
async function fileSystemOf(path: string) {
  try {
    return await statfs(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT") || path === dirname(path)) throw error;
    return await fileSystemOf(dirname(path));
  }
}
