import { sep } from "node:path";
import { BerthError } from "../errors/index.ts";
import { JobThread, threadFile } from "../threads/index.ts";
import { LinuxError } from "./linux-error.ts";
import { type MountRequest, mount } from "./mount.ts";
import { errorOf, type NamespaceFailure } from "./namespace-messages.ts";

/** A mount whose data names files relative to `directory`. */
export type RelativeMount = Required<MountRequest> & { readonly directory: string };

/** mount(2) copies one page of data, its closing NUL included, and cuts what is longer without a word; every architecture's page has at least this. */
const maxDataBytes = 4095;
const lowerOption = "lowerdir=";

class MountThreadError extends BerthError {}

/**
 * Mounts an overlay whose options, one each, name directories by absolute paths. The mount table shows them as they are where they
 * fit into a page; with more layers it shows them relative to the directory that they all lie in, as containerd's does: some
 * 400 of ours. Throws LinuxError, FailedPrecondition where even those do not fit.
 */
export async function mountOverlay(
  source: string,
  target: string,
  flags: number,
  options: readonly string[],
): Promise<void> {
  const data = options.join(",");
  if (Buffer.byteLength(data) <= maxDataBytes) return mount({ source, target, type: "overlay", flags, data });
  const { directory, options: relative } = relativeOptions(options);
  const short = relative.join(",");
  if (Buffer.byteLength(short) > maxDataBytes) throw tooLong(target, options, Buffer.byteLength(short));
  await mountInDirectory({ source, target, type: "overlay", flags, data: short, directory });
}

/** A thread for one mount: so many layers are rare, and no other thread can have a working directory of its own. */
async function mountInDirectory(request: RelativeMount): Promise<void> {
  await using thread = new JobThread<RelativeMount, NamespaceFailure | undefined>({
    name: "mount",
    file: threadFile(import.meta.url, "./overlay-mount-worker"),
    error: MountThreadError,
  });
  const failure = await thread.run(request);
  if (failure !== undefined) throw errorOf(failure);
}

/** The options with the lower directories named from the one that they all lie in. */
function relativeOptions(options: readonly string[]): {
  readonly directory: string;
  readonly options: readonly string[];
} {
  const lower = lowerDirs(options);
  const directory = commonDirectory(lower);
  const names = lower.map((path) => path.slice(directory.length));
  return {
    directory: directory.replace(/\\(.)/g, "$1"),
    options: options.map((option) =>
      option.startsWith(lowerOption) ? lowerOption + names.join(":") : option,
    ),
  };
}

function lowerDirs(options: readonly string[]): readonly string[] {
  const lower = options.find((option) => option.startsWith(lowerOption)) ?? lowerOption;
  return splitPaths(lower.slice(lowerOption.length));
}

/** A colon that belongs to a name has a backslash before it. */
function splitPaths(value: string): readonly string[] {
  return value.split(/(?<!\\):/);
}

/** The longest directory that all paths lie below, with a slash at its end. */
function commonDirectory(paths: readonly string[]): string {
  const [first = sep, ...others] = paths;
  let directory = first.slice(0, first.lastIndexOf(sep) + 1);
  while (!others.every((path) => path.startsWith(directory)))
    directory = directory.slice(0, directory.lastIndexOf(sep, directory.length - 2) + 1);
  return directory;
}

function tooLong(target: string, options: readonly string[], length: number): LinuxError {
  const layers = lowerDirs(options).length;
  const subject = `overlay of ${layers} layers on ${target}: their names are ${length} bytes, of which the kernel takes ${maxDataBytes}; an image with fewer layers will do`;
  return new LinuxError("mount", "E2BIG", subject, { code: "FailedPrecondition" });
}
