import { readdir, readFile } from "node:fs/promises";

/**
 * CPU time that all threads of a process have used so far (the first field of /proc/PID/task/TID/schedstat).
 */
export async function cpuMs(pid: number): Promise<number> {
  const threads = `/proc/${pid}/task`;
  const ran = (await readdir(threads)).map(async (thread) => {
    const text = await readFile(`${threads}/${thread}/schedstat`, "utf8").catch(() => "0");
    return Number(text.split(" ")[0]);
  });
  return (await Promise.all(ran)).reduce((sum, ns) => sum + ns, 0) / 1e6;
}
