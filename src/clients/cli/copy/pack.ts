import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "../../../parts/tar/index.ts";
import { CliError } from "../errors.ts";

/**
 * A path to pack and its name in the archive; without a name, the contents of the directory are packed under
 * their own names.
 */
export type Packing = { readonly path: string; readonly name: string | undefined };

/**
 * Packs a local file or directory into a tar archive. Symbolic links are packed as such. Anything other than
 * files, directories and links is left out, and reported to `onSkipped`. Throws errno errors, and CliError
 * Aborted for a file that shrinks meanwhile.
 */
export async function* pack(
  { path, name }: Packing,
  onSkipped: (path: string, why: string) => Promise<void>,
): AsyncGenerator<Buffer> {
  if (name === undefined) yield* packChildren(path, "", onSkipped);
  else yield* packOne(path, name, onSkipped);
  yield tarEnd;
}

type OnSkipped = Parameters<typeof pack>[1];

async function* packOne(path: string, name: string, onSkipped: OnSkipped): AsyncGenerator<Buffer> {
  const stats = await lstat(path);
  const header = (kind: Pick<TarEntry, "type"> & Partial<TarEntry>) =>
    tarHeader({ ...entryOf(name, stats), ...kind }, "gnu");
  if (stats.isDirectory()) {
    yield header({ type: "directory" });
    yield* packChildren(path, `${name}/`, onSkipped);
  } else if (stats.isSymbolicLink()) {
    yield header({ type: "symlink", target: byteString(await readlink(path)) });
  } else if (stats.isFile()) {
    yield header({ type: "file", sizeBytes: stats.size });
    yield* content(path, stats);
  } else {
    await onSkipped(path, "not a file, directory or symbolic link");
  }
}

/** Root owns all files: local owners have no meaning in the container. */
function entryOf(name: string, { mode, mtimeMs }: Stats): Omit<TarEntry, "type"> {
  return {
    name: byteString(name),
    mode: mode & 0o7777,
    uid: 0,
    gid: 0,
    mtime: { seconds: Math.floor(mtimeMs / 1000), nanoseconds: 0 },
    sizeBytes: 0,
    target: "",
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

function byteString(text: string): string {
  return Buffer.from(text).toString("latin1");
}

async function* packChildren(path: string, prefix: string, onSkipped: OnSkipped): AsyncGenerator<Buffer> {
  for (const child of (await readdir(path)).sort())
    yield* packOne(join(path, child), `${prefix}${child}`, onSkipped);
}

/** Exactly as many bytes as the header says, even if the file grows. */
async function* content(path: string, { size }: Stats): AsyncGenerator<Buffer> {
  if (size === 0) return;
  let left = size;
  for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 262_144 })) {
    left -= chunk.length;
    yield chunk;
  }
  if (left > 0) throw new CliError("Aborted", `${path} was truncated while it was read`);
  yield tarPadding(size);
}
