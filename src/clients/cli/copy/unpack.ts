import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Extract, extract, type Header } from "tar-stream";
import { CliError } from "../errors.ts";
import type { ConfinedDirectory, Names } from "./confined-directory.ts";

/** Where an archive's files go. */
export type Unpacking = {
  readonly directory: ConfinedDirectory;
  /** The name under which the archive has what it is of; undefined where all its names are below a directory that it does not name. */
  readonly archiveRoot: string | undefined;
  /** Where that goes in the directory; nothing is made beside it. */
  readonly target: Names;
  /** Called when something is left out that must not be made here, or cannot. */
  readonly onSkipped: (name: string, why: string) => Promise<void>;
};

/**
 * Unpacks what a container sent, trusting none of it: names lead nowhere but below the target, symbolic links that lead out of it, devices and
 * pipes are left out, and so are the bits that give a program its owner's rights; all belongs to us. Throws CliError
 * InvalidArgument for an archive with names that are not below its root, and what {@link ConfinedDirectory} throws.
 */
export async function unpack(archive: Readable, unpacking: Unpacking): Promise<void> {
  const entries = extract();
  // What fails on the way destroys the entries, and is thrown where they are read.
  pipeline(archive, entries).catch(() => {});
  await unpackEntries(entries, unpacking);
}

type Entry = { readonly header: Header; readonly content: AsyncIterable<Uint8Array> };

async function unpackEntries(entries: Extract, unpacking: Unpacking): Promise<void> {
  const directories: [Names, Header][] = [];
  for await (const entry of entries) {
    const { header } = entry;
    const names = placeOf(header.name, unpacking);
    if (header.type === "directory") directories.push([names, header]);
    // tar-stream's types do not say that an entry, like every stream, can be iterated.
    const content = entry as unknown as AsyncIterable<Uint8Array>;
    await unpackEntry({ header, content }, names, unpacking).catch((error) => explain(error, header.name));
    entry.resume();
  }
  // Last, as they may forbid us to write into them; from the inside out, as that changes the times of those above.
  for (const [names, header] of directories.reverse())
    if (names.length > 0) await unpacking.directory.setDirectory(names, attributes(header));
}

async function unpackEntry({ header, content }: Entry, names: Names, unpacking: Unpacking): Promise<void> {
  const { directory, target, onSkipped } = unpacking;
  const { name, type, linkname } = header;
  switch (type) {
    case "directory":
      return directory.makeDirectory(names);
    case "file":
    case "contiguous-file":
      return directory.writeFile(names, attributes(header), content);
    case "symlink":
      if (staysInside(linkname ?? "", names.length - target.length - 1))
        return directory.makeSymlink(names, linkname ?? "");
      return onSkipped(
        name,
        `symbolic link that points out of the destination, to ${JSON.stringify(linkname)}`,
      );
    case "link":
      if (await directory.makeHardLink(names, placeOf(linkname ?? "", unpacking))) return;
      return onSkipped(
        name,
        `hard link to ${JSON.stringify(linkname)}, which is not a file of the destination`,
      );
    default:
      return onSkipped(name, "not a file, directory or link");
  }
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
 * Whether a symbolic link so many directories below the target leads nowhere but below it, whatever else there is. Ways up come
 * first, where they can only pass through directories; a ".." behind a name could be one of another link's target.
 */
function staysInside(linkTarget: string, depth: number): boolean {
  const names = linkTarget.split("/").filter((part) => part !== "" && part !== ".");
  const waysUp = names.findIndex((name) => name !== "..");
  const down = waysUp === -1 ? [] : names.slice(waysUp);
  const up = names.length - down.length;
  return linkTarget !== "" && !linkTarget.startsWith("/") && up <= depth && !down.includes("..");
}

/** Only who may do what: a program that runs as its owner would run as us. */
function attributes({ mode, mtime }: Header): { mode: number; mtime: Date } {
  return { mode: (mode ?? 0o600) & 0o777, mtime: mtime ?? new Date() };
}
