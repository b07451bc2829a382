import { fromByteString } from "../../ground/linux/index.ts";
import type { TarEntry, TarStream } from "../tar/index.ts";
import { LayerDiffError } from "./layerdiff-error.ts";
import { joinPath, split } from "./open-tree.ts";
import type { TreeEntries } from "./tree-entries.ts";

const whiteoutPrefix = ".wh.";
const opaqueName = ".wh..wh..opq";

/**
 * Writes what a layer says of its parent's files (OCI image-spec 1.1, layer.md). A directory is described
 * before what is in it, also where nothing else of it has changed: unpackers make one that is not with rights
 * of their own choice. Paths are byte strings from the root, whose own attributes are no part of a layer.
 * Throws LayerDiffError and what the kernel says.
 */
export class LayerEntries {
  readonly #tar: TarStream;
  readonly #tree: TreeEntries;
  readonly #described: Set<string>;

  /** Of `leftOut` nothing is written. */
  constructor(tar: TarStream, tree: TreeEntries, leftOut: ReadonlySet<string> = new Set()) {
    this.#tar = tar;
    this.#tree = tree;
    this.#described = new Set(["", ...leftOut]);
  }

  /** What lies at the path. */
  add(path: string): void {
    if (this.#described.has(path)) return;
    const { parent, name } = split(path);
    if (name.startsWith(whiteoutPrefix)) throw isNoWhiteout(path);
    this.add(parent);
    this.#tree.add(path);
    this.#described.add(path);
  }

  /** What is below the path. */
  addContents(path: string): void {
    for (const name of this.#tree.names(path)) this.addAll(joinPath(path, name));
  }

  /** What lies at the path and all that is below it. */
  addAll(path: string): void {
    this.add(path);
    this.addContents(path);
  }

  /** The parent's file, or directory with what is in it, is gone. */
  hide(path: string): void {
    const { parent, name } = split(path);
    if (name.startsWith(whiteoutPrefix)) throw isNoWhiteout(path);
    this.#mark(parent, `${whiteoutPrefix}${name}`);
  }

  /** Nothing of what the parent has in the directory is left. */
  hideContents(directory: string): void {
    this.#mark(directory, opaqueName);
  }

  #mark(directory: string, name: string): void {
    this.add(directory);
    this.#tar.begin({ ...mark, name: joinPath(directory, name) });
  }
}

/** Marks have no attributes that count; equal differences are to be equal layers. */
const mark: Omit<TarEntry, "name"> = {
  type: "file",
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  sizeBytes: 0,
  target: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

function isNoWhiteout(path: string): LayerDiffError {
  const quoted = JSON.stringify(fromByteString(path));
  return new LayerDiffError(
    `a layer cannot contain ${quoted}: names that begin with .wh. stand for deleted files; use another name`,
  );
}
