import { type BigIntStats, constants } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import {
  chmodAt,
  deviceNumber,
  fromByteString,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  setTimesAt,
  statAt,
  symlinkAt,
  type Timestamp,
  unlinkAt,
} from "../../ground/linux/index.ts";
import type { ArchiveEntry, EntrySink } from "../tar/index.ts";
import { applyAttributes, type Written } from "./attributes.ts";
import { checkDevice } from "./device-node.ts";
import { entryPath, joinPath } from "./entry-path.ts";
import { FileWriter } from "./file-writer.ts";
import { RootedTree, type TreeDirectory } from "./rooted-tree.ts";
import type { DirectoryTarget } from "./unpack.ts";
import { entryError, invalid } from "./unpack-error.ts";
import { meaningOf } from "./whiteout-name.ts";
import { OverlayWhiteouts, RemovingWhiteouts, type Whiteouts } from "./whiteouts.ts";

/** The place of an entry in the tree. */
type Place = { readonly parent: TreeDirectory; readonly name: string; readonly path: string };

/**
 * Writes a layer's entries to its target. An entry replaces anything with the same name, unless the target
 * keeps that, but a directory is merged with a directory. Its methods throw UnpackError that names the entry.
 */
export class LayerWriter implements EntrySink, Disposable {
  readonly #tree: RootedTree;
  readonly #whiteouts: Whiteouts;
  /** The tar is not a layer: its entries are only added to those that exist. */
  readonly #adds: boolean;
  /** Times of directories, set after the last write to them. */
  readonly #directoryTimes = new Map<string, Timestamp>();
  readonly #undescribed = new Set<string>();
  #entryName = "";
  #file: { readonly writer: FileWriter; readonly place: Place; readonly entry: ArchiveEntry } | undefined;

  constructor(target: DirectoryTarget) {
    this.#tree = new RootedTree(target.directory, (parent, name, found) =>
      this.#makeMissing(parent, name, found),
    );
    this.#adds = target.whiteouts === "none";
    this.#whiteouts =
      target.whiteouts === "overlayfs" ? new OverlayWhiteouts() : new RemovingWhiteouts(this.#tree);
  }

  begin(entry: ArchiveEntry): void {
    this.#entryName = entry.name;
    this.#naming(() => this.#write(entry));
  }

  data(bytes: Uint8Array): void {
    this.#naming(() => this.#file?.writer.write(bytes));
  }

  end(): void {
    this.#naming(() => this.#finishFile());
  }

  /** Sets the times of directories; returns the `undescribedDirectories` of {@link "./unpack.ts"}. */
  finish(): readonly string[] {
    for (const [path, time] of this.#directoryTimes) {
      this.#tree.withDirectory(path, (fd) => setTimesAt(fd, ".", time));
    }
    // Something else may have replaced a directory.
    return [...this.#undescribed].filter(
      (path) => this.#whiteouts.showsParent(path) && this.#tree.hasDirectory(path),
    );
  }

  [Symbol.dispose](): void {
    this.#file?.writer[Symbol.dispose]();
    this.#tree[Symbol.dispose]();
  }

  #naming(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw entryError(fromByteString(this.#entryName), error);
    }
  }

  /**
   * The root itself keeps its mode and owner, as in other engines: some images have a `./` with mode 0700,
   * without intending it.
   */
  #write(entry: ArchiveEntry): void {
    const components = entryPath(entry.name);
    const name = components.at(-1);
    if (name === undefined) return;
    const meaning = this.#adds ? ({ kind: "entry" } as const) : meaningOf(components);
    if (meaning.kind === "metadata") return;
    const parent = this.#tree.enter(components.slice(0, -1));
    if (parent === undefined) {
      // If the layer has written a file here, nothing of the parent's is left to hide; umoci writes such a
      // whiteout nevertheless.
      if (meaning.kind !== "entry") return;
      throw invalid("a parent of the path is not a directory");
    }
    if (meaning.kind === "opaque") this.#whiteouts.hideContents(parent);
    else if (meaning.kind === "whiteout") this.#whiteouts.hide(parent, meaning.hides);
    else this.#put({ parent, name, path: joinPath(parent.path, name) }, entry);
  }

  #put(place: Place, entry: ArchiveEntry): void {
    if (this.#adds && statAt(place.parent.fd, place.name) !== undefined) return;
    if (entry.kind === "file") {
      const writer = this.#replacing(place, () => {
        return new FileWriter(place.parent.fd, place.name, entry.mode, entry.content);
      });
      this.#file = { writer, place, entry };
      return;
    }
    const written = this.#make(place, entry);
    // The file's other name may have existed before.
    if (this.#adds && entry.kind === "hardlink") return;
    this.#finish(place, entry, written);
    if (written !== "directory") return;
    this.#directoryTimes.set(place.path, entry.mtime);
    this.#undescribed.delete(place.path);
  }

  /** Whiteouts and entries at the root may have data, which are ignored. */
  #finishFile(): void {
    if (this.#file === undefined) return;
    const { writer, place, entry } = this.#file;
    writer.finish(entry);
    this.#file = undefined;
    writer[Symbol.dispose]();
    // Setting the owner later clears file capabilities, so all attributes are set again afterwards.
    if (entry.xattrs.size > 0) applyAttributes(place.parent.fd, place.name, entry, "file");
    this.#whiteouts.wrote(place.path);
  }

  #finish({ parent, name, path }: Place, entry: ArchiveEntry, written: Written): void {
    applyAttributes(parent.fd, name, entry, written);
    this.#whiteouts.wrote(path);
  }

  #make(place: Place, entry: Exclude<ArchiveEntry, { kind: "file" }>): Written {
    const { parent, name } = place;
    if (entry.kind === "directory") {
      this.#makeDirectory(parent, name);
      return "directory";
    }
    if (entry.kind === "hardlink") return this.#makeHardLink(place, entry.target);
    if (entry.kind === "symlink") {
      if (entry.target === "") throw invalid("the symbolic link has no target");
      this.#replacing(place, () => symlinkAt(entry.target, parent.fd, name));
      return "symlink";
    }
    const { mode, device } = nodeOf(entry);
    this.#replacing(place, () => makeNodeAt(parent.fd, name, mode, device));
    return "special";
  }

  /** The target is looked up in this layer's tree; a symbolic link itself is linked, not its target. */
  #makeHardLink(place: Place, target: string): Written {
    const components = entryPath(target);
    const targetName = components.at(-1);
    if (targetName === undefined) throw invalid("the hard link's target is the root");
    const { parent, name } = place;
    this.#tree.visit(components.slice(0, -1), (directory) => {
      const found = statAt(directory.fd, targetName);
      if (found === undefined || found.isDirectory()) {
        throw invalid(
          `the hard link's target ${JSON.stringify(fromByteString(target))} is not a file of this layer`,
        );
      }
      const from = { directory: directory.fd, name: targetName };
      this.#replacing(place, () => linkAt(from, parent.fd, name));
    });
    const linked = statAt(parent.fd, name);
    return linked?.isSymbolicLink() ? "symlink" : linked?.isFile() ? "file" : "special";
  }

  /** Runs `make`, which must not replace anything, and removes what exists if there is something. */
  #replacing<T>({ parent, name }: Place, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (this.#adds || !isErrno(error, "EEXIST")) throw error;
    }
    this.#tree.remove(parent, name);
    return make();
  }

  #makeDirectory(parent: TreeDirectory, name: string): void {
    try {
      makeDirectoryAt(parent.fd, name);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      if (statAt(parent.fd, name)?.isDirectory()) return;
      unlinkAt(parent.fd, name);
      makeDirectoryAt(parent.fd, name);
      this.#whiteouts.replacedByDirectory(parent, name);
    }
  }

  /** With mode 0755, as in other engines, so that containers that do not run as root can enter. */
  #makeMissing(parent: TreeDirectory, name: string, found: BigIntStats | undefined): boolean {
    if (found !== undefined && !this.#whiteouts.isWhiteout(found)) return false;
    this.#makeDirectory(parent, name);
    chmodAt(parent.fd, name, 0o755);
    this.#undescribed.add(joinPath(parent.path, name));
    return true;
  }
}

/** Arguments of mknod(2). */
function nodeOf(entry: Extract<ArchiveEntry, { kind: "fifo" | "character-device" | "block-device" }>) {
  if (entry.kind === "fifo") return { mode: constants.S_IFIFO, device: 0 };
  const { kind, major, minor } = entry;
  checkDevice(entry);
  const type = kind === "character-device" ? constants.S_IFCHR : constants.S_IFBLK;
  return { mode: type, device: deviceNumber(major, minor) };
}
