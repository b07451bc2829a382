import { execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { mount, processGroupOf, unmount } from "../ground/linux/index.ts";

/**
 * Mounts an autofs on an empty directory. This process is its daemon, and so the one that is not held up by
 * it: others would wait for ever. Needs root.
 */
export async function automount(path: string): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const fifo = `${path}.requests`;
  await promisify(execFile)("mkfifo", [fifo]);
  undo.defer(() => rm(fifo));
  const fd = openSync(fifo, constants.O_RDWR);
  undo.defer(() => closeSync(fd));
  const group = await processGroupOf(process.pid);
  const data = `fd=${fd},pgrp=${group},minproto=5,maxproto=5,indirect`;
  await mount({ source: "nobody", target: path, type: "autofs", data });
  undo.defer(() => unmount(path, { detach: true }));
  return undo.move();
}
