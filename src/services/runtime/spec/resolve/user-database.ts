import { readRootfsFile } from "./rootfs-file.ts";

export type PasswdEntry = { readonly name: string; readonly uid: number; readonly gid: number };
export type GroupEntry = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

/** The texts of /etc/passwd and /etc/group; "" for a missing file. */
export type UserDatabase = { readonly passwd: string; readonly group: string };

/** Reads the users and groups of a root file system. */
export async function readUserDatabase(rootfs: string): Promise<UserDatabase> {
  const [passwd, group] = await Promise.all(
    ["etc/passwd", "etc/group"].map((path) => readRootfsFile(rootfs, path)),
  );
  return { passwd: passwd ?? "", group: group ?? "" };
}

/** Parses users (passwd(5)). Invalid lines are skipped. */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return lines(text).flatMap(([name = "", , uid = "", gid = ""]) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

/** Parses groups (group(5)). */
export function parseGroups(text: string): readonly GroupEntry[] {
  return lines(text).flatMap(([name = "", , gid = "", members = ""]) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(",") }] : [],
  );
}

/** OCI runtimes accept ids up to 2^31-1. */
export function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= 0x7fffffff;
}

function lines(text: string): readonly (readonly string[])[] {
  return text.split("\n").map((line) => line.trim().split(":"));
}
