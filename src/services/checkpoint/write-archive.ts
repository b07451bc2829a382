import { closeSync, fsyncSync, lstatSync, openSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { closeFile, openDirectory, openFileAt, toByteString } from "../../ground/linux/index.ts";
import { TreeEntries } from "../../parts/layerdiff/index.ts";
import { copyBytes, type TarEntry, TarWriter } from "../../parts/tar/index.ts";
import { deletedFilesName, rootfsDiffName } from "./archive-names.ts";
import type { ArchivePart, RootfsSource } from "./jobs.ts";
import { changesOfCopy } from "./rootfs/copy-changes.ts";
import { changesOfOverlay } from "./rootfs/overlay-changes.ts";

/**
 * Writes an archive file from these parts and the changes to a container's file system. Its bytes are on disk
 * when this returns; its name may not be.
 */
export function writeArchiveFile(path: string, parts: readonly ArchivePart[], rootfs: RootfsSource): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    const tar = new TarWriter(fd);
    for (const part of parts) writePart(tar, part);
    let deleted: readonly string[] = [];
    tar.nested(ownFile(rootfsDiffName, 0), () => {
      deleted = writeRootfsDiff(tar, rootfs);
      tar.end();
    });
    if (deleted.length > 0) writeText(tar, deletedFilesName, JSON.stringify(deleted));
    tar.end();
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writePart(tar: TarWriter, part: ArchivePart): void {
  switch (part.kind) {
    case "text":
      writeText(tar, part.name, part.text);
      break;
    case "file":
      writeFile(tar, part.name, part.path);
      break;
    case "directory":
      tar.begin({ ...ownFile(part.name, 0), type: "directory", mode: 0o700 });
      for (const name of readdirSync(part.path).sort())
        writeFile(tar, `${part.name}/${name}`, join(part.path, name));
      break;
    case "tree":
      tar.nested(ownFile(part.name, 0), () => {
        using entries = new TreeEntries(tar, part.path, { changing: true });
        for (const name of entries.names("")) entries.addAll(name);
        tar.end();
      });
      break;
  }
}

function writeText(tar: TarWriter, name: string, text: string): void {
  const bytes = Buffer.from(text);
  tar.begin(ownFile(name, bytes.length));
  tar.write(bytes);
  tar.pad(bytes.length);
}

/** A log may grow in the meantime: only its initial size is read. */
function writeFile(tar: TarWriter, name: string, path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return;
  const directory = openDirectory(dirname(path));
  const fd = openFileAt(directory, toByteString(basename(path)));
  try {
    tar.begin(ownFile(name, stat.size));
    copyBytes(tar, fd, stat.size, { about: path });
  } finally {
    closeFile(fd);
    closeFile(directory);
  }
}

function ownFile(name: string, sizeBytes: number): TarEntry {
  return {
    name: toByteString(name),
    type: "file",
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtime: { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 },
    sizeBytes,
    target: "",
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

/**
 * Writes the differences between a container's file system and its image's as entries, and returns the paths
 * that the container deleted, from its root. Throws CheckpointError and system call errors.
 */
function writeRootfsDiff(tar: TarWriter, { merged, changes }: RootfsSource): readonly string[] {
  const deleted: string[] = [];
  using entries = new TreeEntries(tar, merged);
  if (changes.kind === "overlay") changesOfOverlay(changes, entries, deleted);
  else changesOfCopy(changes.base, merged, entries, deleted);
  return deleted;
}
