import { readIfThere } from "../../ground/fs/index.ts";

export type ProcessUser = {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
};

/** The user and groups that a process runs as (proc_pid_status(5)); undefined if it is gone. */
export async function userOfProcess(pid: number): Promise<ProcessUser | undefined> {
  const text = await readIfThere(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const numbers = (field: string) =>
    (lines.find((line) => line.startsWith(`${field}:`)) ?? "")
      .slice(field.length + 1)
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(Number);
  const [uid = 0] = numbers("Uid");
  const [gid = 0] = numbers("Gid");
  // Newer engines list the primary group among the supplementary ones, twice if it was also requested.
  return { uid, gid, supplementalGroups: [...new Set(numbers("Groups"))] };
}
