import { readRootfsFile } from "./rootfs-file.ts";

export type PasswdEntry = { readonly name: string; readonly uid: number; readonly gid: number };
export type GroupEntry = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

/**
 * The users of a root file system (passwd(5)); none when it has no such file. Lines that are none are passed
 * over.
 */
export async function readPasswd(rootfs: string): Promise<readonly PasswdEntry[]> {
  return (await lines(rootfs, "etc/passwd")).flatMap(([name = "", , uid = "", gid = ""]) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

/** The groups of a root file system (group(5)). */
export async function readGroups(rootfs: string): Promise<readonly GroupEntry[]> {
  return (await lines(rootfs, "etc/group")).flatMap(([name = "", , gid = "", members = ""]) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(",") }] : [],
  );
}

/** OCI runtimes take ids up to 2^31-1. */
export function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= 0x7fffffff;
}

async function lines(rootfs: string, path: string): Promise<readonly (readonly string[])[]> {
  const text = (await readRootfsFile(rootfs, path)) ?? "";
  return text.split("\n").map((line) => line.trim().split(":"));
}
