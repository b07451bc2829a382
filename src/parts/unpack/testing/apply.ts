import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { mountErofs, unmount } from "../../../ground/linux/index.ts";
import { digestOf } from "../../oci/index.ts";
import {
  type AppliedLayer,
  type ApplyOptions,
  applyLayer,
  type DirectoryTarget,
  type LayerTarget,
  layerImageFiles,
} from "../index.ts";

const run = promisify(execFile);

/** Applies bytes with the right digest and size, in pieces of `pieceBytes`. */
export function applyBytes(
  bytes: Uint8Array,
  target: LayerTarget,
  options: Partial<ApplyOptions> & { readonly pieceBytes?: number } = {},
): Promise<AppliedLayer> {
  const { pieceBytes = 1 << 16, ...rest } = options;
  const expected = { digest: digestOf(bytes), size: bytes.length };
  return applyLayer(pieces(bytes, pieceBytes), { target, expected, ...rest });
}

export async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** A new directory at `path` as a target. */
export async function newTarget(
  path: string,
  whiteouts: DirectoryTarget["whiteouts"] = "overlayfs",
): Promise<DirectoryTarget> {
  await mkdir(path, { mode: 0o755 });
  return { directory: path, whiteouts };
}

/** Mounts the layer that was applied to an image target on the new directory `path`, until disposed of. */
export async function mountedImage(directory: string, path: string): Promise<AsyncDisposable> {
  await mkdir(path);
  const { archive, index } = layerImageFiles(directory);
  await mountErofs(index, [archive], path);
  return { [Symbol.asyncDispose]: () => unmount(path) };
}

/**
 * One line for each entry below a directory, with everything that find(1) prints: type, mode, owner, size,
 * time, links, target.
 */
export async function listTree(directory: string): Promise<readonly string[]> {
  const format = [
    "-type",
    "d",
    "-printf",
    "%P %y %m %U:%G %T@\n",
    "-o",
    "-printf",
    "%P %y %m %U:%G %s %T@ %n %l\n",
  ];
  const { stdout } = await run("find", [".", "-mindepth", "1", ...format], {
    cwd: directory,
    encoding: "latin1",
  });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}
