import { randomBytes } from "node:crypto";
import { lstat, open, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ignoreNowhere } from "../../../ground/fs/index.ts";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { EngineError } from "../../engine/index.ts";

/** A requested file, and its temporary name in the same directory, so that a rename finishes it. */
export type Location = { readonly path: string; readonly partial: string };

/**
 * Throws EngineError InvalidArgument if no file can be created there, or something other than a file exists.
 */
export async function prepareLocation(path: string, lookUp: LookUp): Promise<Location> {
  await lookUp(path, () => requireFilePlace(path));
  const hidden = `.${basename(path).slice(0, 200)}.${randomBytes(6).toString("hex")}.partial`;
  return { path, partial: join(dirname(path), hidden) };
}

async function requireFilePlace(path: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new EngineError("InvalidArgument", `checkpoint location ${JSON.stringify(path)}: ${why}`);
  };
  const directory = await lstat(dirname(path)).catch(ignoreNowhere);
  const parent = directory?.isSymbolicLink() ? await readdir(dirname(path)).catch(ignoreNowhere) : directory;
  if (
    parent === undefined ||
    (directory !== undefined && !directory.isSymbolicLink() && !directory.isDirectory())
  )
    refuse("its directory does not exist; create it first");
  const found = await lstat(path).catch(ignoreNowhere);
  if (found !== undefined && !found.isFile()) refuse("it exists and is not a regular file");
}

/** Gives a finished file its name; durable when it resolves. */
export async function finishLocation({ path, partial }: Location, lookUp: LookUp): Promise<void> {
  await lookUp(path, async () => {
    await rename(partial, path);
    await using directory = await open(dirname(path));
    await directory.sync();
  });
}

/** Throws EngineError InvalidArgument unless it is an empty directory. */
export async function requireEmptyDirectory(path: string, lookUp: LookUp): Promise<void> {
  await lookUp(path, () => requireEmpty(path));
}

async function requireEmpty(path: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new EngineError("InvalidArgument", `output_path ${JSON.stringify(path)} ${why}`);
  };
  const stat = (await lstat(path).catch(ignoreNowhere)) ?? refuse("does not exist");
  if (!stat.isDirectory()) refuse("is not a directory");
  if ((await readdir(path)).length > 0) refuse("is not empty");
}
