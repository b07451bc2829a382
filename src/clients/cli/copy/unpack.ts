import { type ArchiveEntry, type FileContent, readEntries } from "../../../parts/tar/index.ts";
import { CliError } from "../errors.ts";
import type { ConfinedDirectory, Names } from "./confined-directory.ts";

/** Where an archive's files go. */
export type Unpacking = {
  readonly directory: ConfinedDirectory;
  /**
   * The name under which the archive has what it is of; undefined where all its names are below a directory
   * that it does not name.
   */
  readonly archiveRoot: string | undefined;
  /** Where that goes in the directory; nothing is made beside it. */
  readonly target: Names;
  /** Called when something is left out that must not be made here, or cannot. */
  readonly onSkipped: (name: string, why: string) => Promise<void>;
};

/**
 * Unpacks what a container sent, trusting none of it: names lead nowhere but below the target, symbolic links
 * that lead out of it, devices, pipes and sparse files are left out, and so are the bits that give a program
 * its owner's rights; all belongs to us. Throws CliError InvalidArgument for an archive with names that are
 * not below its root, TarError for what is none, and what {@link ConfinedDirectory} throws.
 */
export async function unpack(archive: AsyncIterable<Uint8Array>, unpacking: Unpacking): Promise<void> {
  const directories: [Names, ArchiveEntry][] = [];
  for await (const { entry, content } of readEntries(archive)) {
    const name = textOf(entry.name);
    const names = placeOf(name, unpacking);
    if (entry.kind === "directory") directories.push([names, entry]);
    await unpackEntry(entry, content, names, unpacking).catch((error) => explain(error, name));
  }
  // Last, as they may forbid us to write into them; from the inside out, as that changes the times of those
  // above.
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
      // A few bytes of an archive can be a hole that fills our disk.
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

/** Of a byte string. */
function textOf(name: string): string {
  return Buffer.from(name, "latin1").toString();
}

/** Says of what the system speaks, whose own messages have paths that nobody knows. */
function explain(error: unknown, name: string): never {
  if (!(error instanceof Error && "errno" in error)) throw error;
  throw new CliError("FailedPrecondition", `cannot write ${JSON.stringify(name)}`, { cause: error });
}

/** Where an entry of that name goes. */
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
 * Whether a symbolic link so many directories below the target leads nowhere but below it, whatever else
 * there is. Ways up come first, where they can only pass through directories; a ".." behind a name could be
 * one of another link's target.
 */
function staysInside(linkTarget: string, depth: number): boolean {
  const names = linkTarget.split("/").filter((part) => part !== "" && part !== ".");
  const waysUp = names.findIndex((name) => name !== "..");
  const down = waysUp === -1 ? [] : names.slice(waysUp);
  const up = names.length - down.length;
  return linkTarget !== "" && !linkTarget.startsWith("/") && up <= depth && !down.includes("..");
}

/** Only who may do what: a program that runs as its owner would run as us. */
function attributes({ mode, mtime }: ArchiveEntry): { mode: number; mtime: Date } {
  return { mode: mode & 0o777, mtime: new Date(mtime.seconds * 1000 + mtime.nanoseconds / 1e6) };
}
