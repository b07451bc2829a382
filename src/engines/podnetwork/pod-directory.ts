import { makeDirectoriesNow } from "../../ground/directories/index.ts";
import { mount, mountFlags } from "../../ground/linux/index.ts";

/**
 * Creates a directory for the pod's /etc/hosts, /etc/hostname and /etc/resolv.conf: a small tmpfs of its own.
 * Containers may write to these files, but must not use up the state directory, which all pods need. What
 * they write counts as their own memory.
 */
export async function mountPodDirectory(directory: string, sizeBytes: number): Promise<void> {
  makeDirectoriesNow(directory, 0o700);
  await mount({
    source: "sandbox",
    target: directory,
    type: "tmpfs",
    flags: mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec,
    data: `mode=0700,size=${sizeBytes}`,
  });
}
