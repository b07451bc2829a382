import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import {
  configDumpName,
  deletedFilesName,
  imagesName,
  logNames,
  rootfsDiffName,
  shmName,
  specDumpName,
} from "./archive-names.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { type ConfigDump, parseConfigDump } from "./config-dump.ts";
import { parseSpecDump, type SpecDump } from "./spec-dump.ts";

/** A checkpoint unpacked into a directory. Paths are absolute, and lead to regular files. */
export type Checkpoint = {
  readonly config: ConfigDump;
  readonly spec: SpecDump;
  /** criu's images. */
  readonly imageDir: string;
  readonly rootfsDiff: string | undefined;
  /** A tar of the files in its pod's /dev/shm. */
  readonly shm: string | undefined;
  /** Paths from the container's root. */
  readonly deletedFiles: readonly string[];
  readonly log: string | undefined;
};

/** More than any spec has. */
const maxJsonBytes = 16 * 1024 * 1024;

/**
 * Checks a directory into which a checkpoint was unpacked: every file must be a regular one with a single
 * link, so that nothing outside it is read later. Throws CheckpointError InvalidArgument.
 */
export async function readCheckpoint(directory: string): Promise<Checkpoint> {
  const config = await readText(directory, configDumpName);
  const spec = await readText(directory, specDumpName);
  if (config === undefined || spec === undefined) {
    const missing = config === undefined ? configDumpName : specDumpName;
    throw new CheckpointError(
      "InvalidArgument",
      `this is not the checkpoint of a container: it has no ${missing}`,
    );
  }
  const logs = await Promise.all(logNames.map((name) => regularFile(directory, name)));
  return {
    config: parseConfigDump(config),
    spec: parseSpecDump(spec),
    imageDir: await checkImages(join(directory, imagesName)),
    rootfsDiff: (await regularFile(directory, rootfsDiffName))?.path,
    shm: (await regularFile(directory, shmName))?.path,
    deletedFiles: parseDeletedFiles(await readText(directory, deletedFilesName)),
    log: logs.find((log) => log !== undefined)?.path,
  };
}

async function readText(directory: string, name: string): Promise<string | undefined> {
  const file = await regularFile(directory, name);
  if (file === undefined) return undefined;
  if (file.sizeBytes > maxJsonBytes)
    throw new CheckpointError("InvalidArgument", `${name} is larger than ${maxJsonBytes} bytes`);
  return readFile(file.path, "utf8");
}

async function regularFile(directory: string, name: string) {
  const path = join(directory, name);
  const stat = await lstat(path).catch(ignoreMissing);
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.nlink !== 1)
    throw new CheckpointError("InvalidArgument", `${name} is not a regular file with a single link`);
  return { path, sizeBytes: stat.size };
}

/** criu opens its images by name as root, and follows links. */
async function checkImages(directory: string): Promise<string> {
  const stat = await lstat(directory).catch(ignoreMissing);
  if (!stat?.isDirectory())
    throw new CheckpointError("InvalidArgument", `it has no directory ${imagesName} with criu's images`);
  const names = await readdir(directory);
  for (const name of names) {
    if ((await regularFile(directory, name)) === undefined || /[^\x21-\x7e]/.test(name))
      throw new CheckpointError("InvalidArgument", `${imagesName} holds ${JSON.stringify(name)}`);
  }
  if (!names.includes("inventory.img"))
    throw new CheckpointError("InvalidArgument", `criu's images in ${imagesName} have no inventory.img`);
  return directory;
}

function parseDeletedFiles(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const invalid = () => new CheckpointError("InvalidArgument", `${deletedFilesName} is not a list of paths`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (!Array.isArray(value) || !value.every((path) => typeof path === "string")) throw invalid();
  return value;
}
