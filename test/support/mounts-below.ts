import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Unmounts everything that is mounted below a directory, last first. */
export async function unmountBelow(directory: string): Promise<void> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  const points = text.split("\n").flatMap((line) => line.split(" ")[4] ?? []);
  const below = points.filter((point) => point.startsWith(`${directory}/`)).reverse();
  for (const point of below) await promisify(execFile)("umount", ["--lazy", point]);
}
