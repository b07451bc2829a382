import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../src/ground/fs/index.ts";
import type { TestBerth } from "./berth.ts";
import { eventually } from "./condition.ts";
import type { ContainerdClients } from "./containerd.ts";

/**
 * Waits until nothing is active in a namespace for a disconnected client: no lease, no staged archive, no
 * content file that the daemon has open. Then runs garbage collection, and resolves with the remaining
 * digests of blobs and refs of ingests.
 */
export async function leftBehind(
  berth: TestBerth,
  clients: ContainerdClients,
  namespace: string,
): Promise<readonly string[]> {
  const { leases, content, raw, metadata } = clients.in(namespace);
  const leased = async () => (await leases.list({ filters: [] })).leases.length;
  await eventually("no lease is left", async () => (await leased()) === 0);
  const staging = join(berth.root, "import");
  await eventually("no archive is left", async () => (await listed(staging)).length === 0);
  const stored = join(berth.root, "content");
  await eventually("no content is open", async () => {
    const files = await openFiles(berth.pid);
    return !files.some((file) => file.startsWith(stored));
  });
  const { lease } = await leases.create({ id: "", labels: {} });
  await leases.delete({ id: lease?.id ?? "", sync: true });
  const pages = await raw.content.list({ filters: [] }, metadata).toArray();
  const { statuses } = await content.listStatuses({ filters: [] });
  return [
    ...pages.flatMap(({ info }: { info: readonly { digest: string }[] }) => info.map(({ digest }) => digest)),
    ...statuses.map(({ ref }) => ref),
  ].sort();
}

/** The directory is created with the first archive. */
async function listed(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? [];
}

async function openFiles(pid: number): Promise<readonly string[]> {
  const directory = `/proc/${pid}/fd`;
  const links = (await readdir(directory)).map((fd) => readlink(join(directory, fd)).catch(() => ""));
  return await Promise.all(links);
}
