import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { CliError } from "../errors.ts";

/**
 * Writes a file atomically: after a failure, the previous file is still there. Pipes and devices are written
 * to directly. Throws CliError.
 */
export async function writeWhole(path: string, write: (target: Writable) => Promise<void>): Promise<void> {
  const target = resolve(path);
  try {
    if (await isNoFile(target)) return await write(createWriteStream(target));
    await writeBeside(target, write);
  } catch (cause) {
    const { code, syscall } = (cause ?? {}) as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    if (code === "ENOENT")
      throw new CliError("FailedPrecondition", `${path} cannot be written: its directory does not exist`, {
        cause,
      });
    throw new CliError("FailedPrecondition", `${path} cannot be written (${code})`, { cause });
  }
}

async function writeBeside(target: string, write: (target: Writable) => Promise<void>): Promise<void> {
  const name = `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}`;
  const temporary = join(dirname(target), name);
  // As in docker: an image may contain what not everybody should read.
  const stream = createWriteStream(temporary, { flags: "wx", mode: 0o600, flush: true });
  try {
    await write(stream);
    await rename(temporary, target);
    await syncDirectory(dirname(target));
  } catch (error) {
    stream.destroy();
    await rm(temporary, { force: true });
    throw error;
  }
}

async function isNoFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true)
    throw new CliError("InvalidArgument", `${path} is a directory: name a file in it`);
  return found !== undefined && !found.isFile();
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path);
  await directory.sync();
}
