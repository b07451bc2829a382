import { writeSync } from "node:fs";
import { OpenTree } from "./open-tree.ts";
import { changesOfTrees } from "./tree-changes.ts";

/** What became of a path: there was none, it is otherwise, it is gone with all that was in it. */
export type ChangeKind = "added" | "changed" | "deleted";

const letters = { added: "A", changed: "C", deleted: "D" } as const;
const kinds: Readonly<Record<string, ChangeKind>> = { A: "added", C: "changed", D: "deleted" };
const batchBytes = 64 * 1024;

/**
 * Writes to a pipe or an empty file what `tree` has otherwise than `base`, or all of it without a base: for
 * each path a letter, the path from the root, and a zero byte; see {@link readChange}. Throws LinuxError, and
 * Node's errors.
 */
export function writeChanges(fd: number, base: string | undefined, tree: string): void {
  using before = base === undefined ? undefined : new OpenTree(base);
  using now = new OpenTree(tree);
  let batch = "";
  const flush = (): void => {
    const bytes = Buffer.from(batch, "latin1");
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    batch = "";
  };
  const write = (kind: ChangeKind, path: string): void => {
    batch += `${letters[kind]}/${path}\0`;
    if (batch.length >= batchBytes) flush();
  };
  changesOfTrees(before, now, {
    add: (path) => write(before?.stat(path) === undefined ? "added" : "changed", path),
    hide: (path) => write("deleted", path),
  });
  flush();
}

/** Reads what {@link writeChanges} wrote of one path, without its zero byte. */
export function readChange(record: Buffer): { readonly kind: ChangeKind; readonly path: Buffer } | undefined {
  const kind = kinds[record.toString("latin1", 0, 1)];
  return kind === undefined ? undefined : { kind, path: record.subarray(1) };
}
