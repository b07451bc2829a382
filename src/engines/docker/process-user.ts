import { readIfThere } from "../../ground/fs/index.ts";

export type ProcessUser = {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
};

/** Who a process runs as (proc_pid_status(5)); undefined for one that is gone. */
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
  // Newer engines give a process its first group as another one too, named twice where it is asked for.
  return { uid, gid, supplementalGroups: [...new Set(numbers("Groups"))] };
}
