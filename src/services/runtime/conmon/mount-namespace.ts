import { readlink } from "node:fs/promises";
import { ignoreGone } from "../../../ground/fs/index.ts";

/** Whether a process has our paths: those of another daemon may read the same, elsewhere. */
export async function isInOurMountNamespace(pid: number): Promise<boolean> {
  const [own, other] = await Promise.all([mountNamespaceOf("self"), mountNamespaceOf(pid)]);
  return own !== undefined && own === other;
}

/** Undefined if the process has ended. */
function mountNamespaceOf(process: number | "self"): Promise<string | undefined> {
  return readlink(`/proc/${process}/ns/mnt`).catch(ignoreGone);
}
