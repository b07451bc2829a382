import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { bindMount } from "./bind-mount.ts";
import { mount } from "./mount.ts";
import { mountFlags } from "./mount-flags.ts";
import { parseMountOptions } from "./mount-options.ts";

/** A mount in the words of mount(8), as snapshotters describe theirs. */
export type SnapshotMount = {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
};

/** mount(2) copies one page of data, its closing NUL included; every architecture's page has at least this. */
const maxDataBytes = 4095;
const O_PATH = 0o10000000;

/** Mounts `mounts` on `target`, one after the other. Throws LinuxError; what was mounted before stays for the caller to unmount. */
export async function mountSnapshot(mounts: readonly SnapshotMount[], target: string): Promise<void> {
  for (const { type, source, options } of mounts) {
    const { flags, data } = parseMountOptions(options);
    if (type === "bind" || flags & mountFlags.bind) {
      const recursive = (flags & mountFlags.recursive) !== 0;
      await bindMount(source, target, { recursive, readonly: (flags & mountFlags.readonly) !== 0 });
    } else if (type === "overlay" && Buffer.byteLength(data.join(",")) > maxDataBytes) {
      await mountManyLayers(source, target, flags, data);
    } else {
      await mount({ source, target, type, flags, data: data.join(",") });
    }
  }
}

/**
 * With a hundred layers or more the paths do not fit into a page. The lower directories are then named by open
 * descriptors, which are short; overlayfs looks them up once, while it mounts. (`lowerdir+` of the newer mount API would
 * do as well, but only since Linux 6.7.)
 */
async function mountManyLayers(
  source: string,
  target: string,
  flags: number,
  data: readonly string[],
): Promise<void> {
  await using layers = new OpenDirectories();
  const short: string[] = [];
  for (const option of data) {
    if (!option.startsWith("lowerdir=")) {
      short.push(option);
      continue;
    }
    const names: string[] = [];
    for (const directory of splitLowerDirs(option.slice("lowerdir=".length)))
      names.push(await layers.open(directory));
    short.push(`lowerdir=${names.join(":")}`);
  }
  await mount({ source, target, type: "overlay", flags, data: short.join(",") });
}

/** overlayfs lets a backslash take away the meaning of a colon in a path. */
function splitLowerDirs(value: string): readonly string[] {
  return (value.match(/(?:\\.|[^:\\])+/g) ?? []).map((path) => path.replace(/\\(.)/g, "$1"));
}

class OpenDirectories implements AsyncDisposable {
  readonly #handles: FileHandle[] = [];

  /** A short name of the directory, good until this is disposed. */
  async open(directory: string): Promise<string> {
    const handle = await open(directory, O_PATH | constants.O_DIRECTORY);
    this.#handles.push(handle);
    return `/proc/self/fd/${handle.fd}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close()));
  }
}
