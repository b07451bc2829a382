import { sep } from "node:path";
import { BerthError } from "../../errors/index.ts";
import { JobThread, threadFile } from "../../threads/index.ts";
import { LinuxError } from "../linux-error.ts";
import { type MountRequest, mount } from "./mount.ts";
import { mountFlags } from "./mount-flags.ts";

/** An overlay of layers; read-only without an upper one. */
export type OverlaySnapshotMount = {
  readonly type: "overlay";
  /** Changes go to `directory`; `work` is for overlayfs itself, and must be on the same file system. */
  readonly upper: { readonly directory: string; readonly work: string } | undefined;
  /** The topmost first. Without an upper layer, at least two. */
  readonly lower: readonly string[];
  /** overlayfs's other options, such as `index=off`. */
  readonly options: readonly string[];
};

/** A mount with paths relative to `directory` in its data. */
export type RelativeMount = Required<MountRequest> & { readonly directory: string };

/** A mount whose options are passed to the kernel one by one. */
export type OverlayByParts = {
  readonly overlay: OverlaySnapshotMount;
  readonly target: string;
  /** Flags of mount(2). */
  readonly flags: number;
};

/**
 * mount(2) copies one page of data, including its NUL, and silently truncates longer data; a page has at
 * least this size on every architecture.
 */
const maxDataBytes = 4095;

class MountThreadError extends BerthError {}

/**
 * Mounts an overlay. The mount table shows its layers with absolute paths if these fit into a page; with more
 * layers, it shows them relative to their common directory, as with containerd: this suffices for some 400 of
 * ours. More layers, up to the 500 that overlayfs supports, need Linux 6.8. Throws LinuxError:
 * FailedPrecondition for more layers than the kernel accepts.
 */
export async function mountOverlay(
  overlay: OverlaySnapshotMount,
  target: string,
  flags = overlay.upper === undefined ? mountFlags.readonly : 0,
): Promise<void> {
  const request = { source: "overlay", target, type: "overlay", flags } as const;
  const data = overlayData(overlay).join(",");
  if (Buffer.byteLength(data) <= maxDataBytes) return mount({ ...request, data });
  const directory = commonDirectory(overlay.lower);
  const lower = overlay.lower.map((path) => path.slice(directory.length));
  const short = overlayData({ ...overlay, lower }).join(",");
  if (Buffer.byteLength(short) > maxDataBytes) return inMountThread({ overlay, target, flags });
  await inMountThread({ ...request, data: short, directory });
}

/** The mount options of an overlay. */
export function overlayData({ upper, lower, options }: OverlaySnapshotMount): readonly string[] {
  const above =
    upper === undefined ? [] : [`workdir=${escaped(upper.work)}`, `upperdir=${escaped(upper.directory)}`];
  return [...above, `lowerdir=${lower.map(escaped).join(":")}`, ...options];
}

/** In overlayfs options, a backslash escapes a character of a path. */
export function escaped(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}

/**
 * A thread for one mount: this many layers are rare, and only a thread of its own can have its own working
 * directory.
 */
async function inMountThread(request: RelativeMount | OverlayByParts): Promise<void> {
  await using thread = new JobThread<RelativeMount | OverlayByParts, void>({
    name: "mount",
    file: threadFile(import.meta.url, "./overlay-mount-worker"),
    error: MountThreadError,
    otherErrors: [LinuxError],
  });
  await thread.run(request);
}

/** The deepest directory that contains all paths, with a trailing slash. */
export function commonDirectory(paths: readonly string[]): string {
  const [first = sep, ...others] = paths;
  let directory = first.slice(0, first.lastIndexOf(sep) + 1);
  while (!others.every((path) => path.startsWith(directory)))
    directory = directory.slice(0, directory.lastIndexOf(sep, directory.length - 2) + 1);
  return directory;
}
