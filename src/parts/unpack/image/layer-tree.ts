import type { ErofsDirectory, ErofsInode, InodeAttributes } from "../../erofs/index.ts";
import { joinPath } from "../entry-path.ts";
import { invalid, UnpackError } from "../unpack-error.ts";

/** Symbolic links that one path may lead through; the kernel allows 40 (path_resolution(7)). */
const maxLinks = 40;
const maxNameBytes = 255;

/** Maximum memory of a tree: some two million files with names of usual length. */
const maxTreeBytes = 512 * 1024 * 1024;
/** Approximate memory for an inode and its directory entry, without names and attributes. */
const inodeCost = 256;

const opaqueXattr = "trusted.overlay.opaque";
const opaque = Buffer.from("y");

/**
 * The tree that a layer describes, in memory, as it would be in an upper directory of overlayfs: whiteouts
 * are 0/0 character devices, and directories can be opaque. As with {@link "../rooted-tree.ts"}, symbolic
 * links in paths lead only within the tree. Throws UnpackError ResourceExhausted for a tree that would need
 * too much memory.
 */
export class LayerTree {
  readonly root = newDirectory();
  readonly #opaque = new Set<ErofsDirectory>();
  /** Directories that replaced something else, and therefore are opaque. */
  readonly #replaced = new Set<ErofsDirectory>();
  readonly #undescribed = new Set<ErofsDirectory>();
  #bytes = 0;
  #entered: { readonly path: string; readonly directory: ErofsDirectory } | undefined;

  /**
   * The directory at `components`; creates missing directories. Undefined if something on the way is not a
   * directory and must stay.
   */
  enter(components: readonly string[]): ErofsDirectory | undefined {
    const path = components.join("/");
    // A layer's entries are mostly grouped by directory.
    if (this.#entered?.path === path) return this.#entered.directory;
    const directory = this.#resolve(components);
    this.#entered = directory && { path, directory };
    return directory;
  }

  /** Puts an inode in place of any existing one with that name. */
  put(parent: ErofsDirectory, name: string, inode: ErofsInode): void {
    this.#count(name, inode);
    if (parent.entries.get(name)?.kind === "directory") this.#entered = undefined;
    parent.entries.set(name, inode);
  }

  /** The directory with this name; if it replaces something else, nothing of the parent's shows in it. */
  makeDirectory(parent: ErofsDirectory, name: string): ErofsDirectory {
    const found = parent.entries.get(name);
    if (found?.kind === "directory") return found;
    const made = newDirectory();
    this.put(parent, name, made);
    if (found !== undefined) this.#replace(made);
    return made;
  }

  describe(directory: ErofsDirectory): void {
    this.#undescribed.delete(directory);
  }

  /** Hides the parent's `name`. The layer's own entry there stays. */
  hide(parent: ErofsDirectory, name: string): void {
    const found = parent.entries.get(name);
    if (found === undefined) this.put(parent, name, newWhiteout());
    else if (found.kind === "directory") this.#replace(found);
  }

  /** Hides the parent's contents of this directory. */
  hideContents(directory: ErofsDirectory): void {
    this.#opaque.add(directory);
  }

  /**
   * Marks opaque directories, as the last step. Returns the directories that no entry described and through
   * which the parent's show, outermost first.
   */
  finish(): readonly string[] {
    for (const directory of this.#opaque) {
      const { attributes } = directory;
      directory.attributes = {
        ...attributes,
        xattrs: new Map([...attributes.xattrs, [opaqueXattr, opaque]]),
      };
    }
    return this.#undescribed.size === 0 ? [] : this.#shownUndescribed();
  }

  /** The directory at a path that has no symbolic links. */
  find(path: string): ErofsDirectory | undefined {
    let directory: ErofsDirectory = this.root;
    for (const name of path.split("/")) {
      const found = directory.entries.get(name);
      if (found?.kind !== "directory") return undefined;
      directory = found;
    }
    return directory;
  }

  #resolve(components: readonly string[]): ErofsDirectory | undefined {
    const trail: ErofsDirectory[] = [];
    let directory: ErofsDirectory = this.root;
    let links = 0;
    const rest = [...components].reverse();
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        directory = trail.pop() ?? this.root;
        continue;
      }
      const found = directory.entries.get(name);
      if (found?.kind === "symlink") {
        if (++links > maxLinks) throw invalid("the path has too many symbolic links");
        if (found.target.startsWith("/")) {
          trail.length = 0;
          directory = this.root;
        }
        rest.push(...found.target.split("/").reverse());
        continue;
      }
      const next = found?.kind === "directory" ? found : this.#makeMissing(directory, name, found);
      if (next === undefined) return undefined;
      trail.push(directory);
      directory = next;
    }
    return directory;
  }

  #makeMissing(
    parent: ErofsDirectory,
    name: string,
    found: ErofsInode | undefined,
  ): ErofsDirectory | undefined {
    if (found !== undefined && !isWhiteout(found)) return undefined;
    if (name.length > maxNameBytes) throw invalid(`a name in the path is longer than ${maxNameBytes} bytes`);
    const made = this.makeDirectory(parent, name);
    this.#undescribed.add(made);
    return made;
  }

  #replace(directory: ErofsDirectory): void {
    this.#opaque.add(directory);
    this.#replaced.add(directory);
  }

  #count(name: string, inode: ErofsInode): void {
    this.#bytes += inodeCost + name.length + (inode.kind === "symlink" ? inode.target.length : 0);
    for (const [key, value] of inode.attributes.xattrs) this.#bytes += key.length + value.length;
    if (this.#bytes > maxTreeBytes)
      throw new UnpackError(
        "ResourceExhausted",
        "the layer describes more files than can be indexed at once; use the overlayfs snapshotter for this image",
      );
  }

  #shownUndescribed(): readonly string[] {
    const paths: string[] = [];
    const left = [{ directory: this.root as ErofsDirectory, path: "" }];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { directory, path } = next;
      if (this.#undescribed.has(directory) && !this.#replaced.has(directory)) paths.push(path);
      if (this.#opaque.has(directory)) continue;
      for (const [name, inode] of directory.entries)
        if (inode.kind === "directory") left.push({ directory: inode, path: joinPath(path, name) });
    }
    return paths.sort();
  }
}

/** True for what {@link LayerTree.hide} creates. */
function isWhiteout(inode: ErofsInode): boolean {
  return inode.kind === "character-device" && inode.major === 0 && inode.minor === 0;
}

/** Mode 0755, as in other engines, so that containers that do not run as root can enter. */
function newDirectory(): ErofsDirectory {
  return { kind: "directory", entries: new Map(), attributes: newAttributes(0o755) };
}

function newWhiteout(): ErofsInode {
  return { kind: "character-device", major: 0, minor: 0, attributes: newAttributes(0) };
}

function newAttributes(mode: number): InodeAttributes {
  const mtime = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
  return { mode, uid: 0, gid: 0, mtime, xattrs: new Map() };
}
