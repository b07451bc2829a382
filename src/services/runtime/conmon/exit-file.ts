import { open } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";

/** What conmon wrote when a container's first process had exited. */
export type MonitorExit = { readonly exitCode: number; readonly finishedAtNs: bigint };

/**
 * conmon writes the file under another name first, so that it is whole once it is there. Undefined when there
 * is none.
 */
export async function readExitFile(path: string): Promise<MonitorExit | undefined> {
  const file = await open(path).catch(ignoreMissing);
  if (file === undefined) return undefined;
  await using _file = file;
  const [text, { mtimeNs }] = await Promise.all([file.readFile("utf8"), file.stat({ bigint: true })]);
  const exitCode = Number.parseInt(text, 10);
  // conmon says -1 where it could not find out.
  return { exitCode: exitCode >= 0 && exitCode <= 255 ? exitCode : 255, finishedAtNs: mtimeNs };
}
