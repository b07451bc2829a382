import { mkdirSync } from "node:fs";
import { mount, mountFlags } from "../../ground/linux/index.ts";

/**
 * Makes a directory for what a pod's containers see as /etc/hosts, /etc/hostname and /etc/resolv.conf: a
 * small tmpfs of its own. They may write to these files as much as they like, and must not take the room in
 * the state directory that every other pod needs. What they write counts for their own memory.
 */
export async function mountPodDirectory(directory: string, sizeBytes: number): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await mount({
    source: "sandbox",
    target: directory,
    type: "tmpfs",
    flags: mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec,
    data: `mode=0700,size=${sizeBytes}`,
  });
}
