import { type BigIntStats, constants } from "node:fs";
import { deviceNumber, makeNodeAt, setXattrAt, statAt } from "../../ground/linux/index.ts";
import { joinPath } from "./entry-path.ts";
import type { RootedTree, TreeDirectory } from "./rooted-tree.ts";

/**
 * What a layer removes of its parent's files. Whiteouts apply only to the parent's files, never to what the
 * same layer writes, whatever the order of the entries (layer.md#whiteouts).
 */
export interface Whiteouts {
  /** The parent's `name` is hidden. */
  hide(parent: TreeDirectory, name: string): void;
  /** The parent's contents of this directory are hidden. */
  hideContents(directory: TreeDirectory): void;
  /** A directory was created in place of something else, so nothing of the parent's shows in it. */
  replacedByDirectory(parent: TreeDirectory, name: string): void;
  /** An entry was written at this path. */
  wrote(path: string): void;
  /** True for what {@link hide} created in the tree. */
  isWhiteout(found: BigIntStats): boolean;
  /** Whether the parent's directory at this path, if there is one, shows through the tree's. */
  showsParent(path: string): boolean;
}

const opaqueXattr = "trusted.overlay.opaque";
const opaque = Buffer.from("y");

/**
 * For an overlayfs upper directory (kernel, Documentation/filesystems/overlayfs.rst, "whiteouts and opaque
 * directories").
 */
export class OverlayWhiteouts implements Whiteouts {
  readonly #opaque = new Set<string>();
  readonly #replaced = new Set<string>();

  hide(parent: TreeDirectory, name: string): void {
    const found = statAt(parent.fd, name);
    if (found === undefined) makeNodeAt(parent.fd, name, constants.S_IFCHR, deviceNumber(0, 0));
    else if (found.isDirectory()) this.replacedByDirectory(parent, name);
  }

  hideContents(directory: TreeDirectory): void {
    setXattrAt(directory.fd, ".", opaqueXattr, opaque);
    this.#opaque.add(directory.path);
  }

  replacedByDirectory(parent: TreeDirectory, name: string): void {
    const path = joinPath(parent.path, name);
    setXattrAt(parent.fd, name, opaqueXattr, opaque);
    this.#opaque.add(path);
    this.#replaced.add(path);
  }

  wrote(): void {}

  isWhiteout(found: BigIntStats): boolean {
    return found.isCharacterDevice() && found.rdev === 0n;
  }

  showsParent(path: string): boolean {
    if (this.#replaced.has(path)) return false;
    for (let slash = path.lastIndexOf("/"); slash !== -1; slash = path.lastIndexOf("/", slash - 1)) {
      if (this.#opaque.has(path.slice(0, slash))) return false;
    }
    return !this.#opaque.has("");
  }
}

/** For a tree that contains the parent's files: what is hidden is deleted. */
export class RemovingWhiteouts implements Whiteouts {
  readonly #tree: RootedTree;
  readonly #written = new Set<string>();

  constructor(tree: RootedTree) {
    this.#tree = tree;
  }

  hide(parent: TreeDirectory, name: string): void {
    this.#tree.remove(parent, name, (path) => this.#written.has(path));
  }

  hideContents(directory: TreeDirectory): void {
    this.#tree.clear(directory.path, (path) => this.#written.has(path));
  }

  replacedByDirectory(): void {}

  wrote(path: string): void {
    this.#written.add(path);
  }

  isWhiteout(): boolean {
    return false;
  }

  showsParent(): boolean {
    return false;
  }
}
