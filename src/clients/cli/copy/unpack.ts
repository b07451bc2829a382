import { type ArchiveEntry, type FileContent, readEntries } from "../../../parts/tar/index.ts";
import { CliError } from "../errors.ts";
import type { ConfinedDirectory, Names } from "./confined-directory.ts";

/** Where to put an archive's files. */
export type Unpacking = {
  readonly directory: ConfinedDirectory;
  /**
   * The name with which all paths in the archive begin; undefined if the archive has the contents of a
   * directory without its name.
   */
  readonly archiveRoot: string | undefined;
  /** Where that goes in the directory; nothing is created beside it. */
  readonly target: Names;
  /** Called for an entry that is left out because it must not or cannot be created here. */
  readonly onSkipped: (name: string, why: string) => Promise<void>;
};

/**
 * Unpacks an archive from a container, which is not trusted: names cannot lead outside of the target,
 * symbolic links that would are left out, as are devices, pipes, sparse files and set-user-id bits, and
 * everything belongs to us. Throws CliError InvalidArgument for an archive with names that are not below its
 * root, TarError for an invalid archive, and the errors of {@link ConfinedDirectory}.
 */
export async function unpack(archive: AsyncIterable<Uint8Array>, unpacking: Unpacking): Promise<void> {
  const directories: [Names, ArchiveEntry][] = [];
  for await (const { entry, content } of readEntries(archive)) {
    const name = textOf(entry.name);
    const names = placeOf(name, unpacking);
    if (entry.kind === "directory") directories.push([names, entry]);
    await unpackEntry(entry, content, names, unpacking).catch((error) => explain(error, name));
  }
  // Last, as they may not be writable; and from the inside out, as each one changes the time of its parent.
  for (const [names, entry] of directories.reverse())
    if (names.length > 0) await unpacking.directory.setDirectory(names, attributes(entry));
}

async function unpackEntry(
  entry: ArchiveEntry,
  content: AsyncIterable<Uint8Array>,
  names: Names,
  unpacking: Unpacking,
): Promise<void> {
  const { directory, target, onSkipped } = unpacking;
  const name = textOf(entry.name);
  switch (entry.kind) {
    case "directory":
      return directory.makeDirectory(names);
    case "file":
      // A few bytes in an archive can stand for a hole that fills our disk.
      if (hasHoles(entry.content)) return onSkipped(name, "sparse file");
      return directory.writeFile(names, attributes(entry), content);
    case "symlink": {
      const linkTarget = textOf(entry.target);
      if (staysInside(linkTarget, names.length - target.length - 1))
        return directory.makeSymlink(names, linkTarget);
      return onSkipped(
        name,
        `symbolic link that points out of the destination, to ${JSON.stringify(linkTarget)}`,
      );
    }
    case "hardlink": {
      const existing = textOf(entry.target);
      if (await directory.makeHardLink(names, placeOf(existing, unpacking))) return;
      return onSkipped(
        name,
        `hard link to ${JSON.stringify(existing)}, which is not a file of the destination`,
      );
    }
    default:
      return onSkipped(name, "not a file, directory or link");
  }
}

function hasHoles({ sizeBytes, extents }: FileContent): boolean {
  return extents.reduce((total, { length }) => total + length, 0) < sizeBytes;
}

/** Decodes a name. */
function textOf(name: string): string {
  return Buffer.from(name, "latin1").toString();
}

/** Adds the entry's name to a system error, whose own message has a path that the user does not know. */
function explain(error: unknown, name: string): never {
  if (!(error instanceof Error && "errno" in error)) throw error;
  throw new CliError("FailedPrecondition", `cannot write ${JSON.stringify(name)}`, { cause: error });
}

/** Where to put an entry of that name. */
function placeOf(name: string, { archiveRoot, target }: Unpacking): Names {
  const names = name.split("/").filter((part) => part !== "" && part !== ".");
  const below = archiveRoot === undefined ? names : names.slice(1);
  if (names.includes("..") || (archiveRoot !== undefined && names[0] !== archiveRoot)) {
    const message = `the container sent an archive with a file that was not requested: ${JSON.stringify(name)}`;
    throw new CliError("InvalidArgument", message);
  }
  return [...target, ...below];
}

/**
 * Whether a symbolic link at this depth below the target cannot lead outside of it, whatever else exists.
 * ".." is accepted only at its start, where it passes through directories: after a name, it could apply to
 * the target of another link.
 */
function staysInside(linkTarget: string, depth: number): boolean {
  const names = linkTarget.split("/").filter((part) => part !== "" && part !== ".");
  const waysUp = names.findIndex((name) => name !== "..");
  const down = waysUp === -1 ? [] : names.slice(waysUp);
  const up = names.length - down.length;
  return linkTarget !== "" && !linkTarget.startsWith("/") && up <= depth && !down.includes("..");
}

/** Only the permission bits: with set-user-id, a program would run as us. */
function attributes({ mode, mtime }: ArchiveEntry): { mode: number; mtime: Date } {
  return { mode: mode & 0o777, mtime: new Date(mtime.seconds * 1000 + mtime.nanoseconds / 1e6) };
}
