import { readdir, readlink } from "node:fs/promises";
import { tempDir } from "../../../testing/temp-dir.ts";
import { unpinNamespaces } from "../index.ts";

/** A directory for a pod's pins, which are taken away in the end. */
export async function pinDirectory() {
  await using resources = new AsyncDisposableStack();
  const parent = resources.use(await tempDir()).path;
  const path = `${parent}/ns`;
  resources.defer(() => unpinNamespaces(path));
  const moved = resources.move();
  return { path, parent, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** The namespaces in which any thread of this process is. */
export async function ownNamespaces(): Promise<ReadonlySet<string>> {
  const tasks = await readdir("/proc/self/task");
  const links = tasks.flatMap((task) =>
    ["net", "ipc", "uts"].map((kind) => `/proc/self/task/${task}/ns/${kind}`),
  );
  return new Set(await Promise.all(links.map((link) => readlink(link))));
}
