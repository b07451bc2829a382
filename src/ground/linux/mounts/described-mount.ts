import { type IdMappings, readIdMappings } from "../namespaces/id-mappings.ts";
import { NamespaceHolder } from "../namespaces/namespace-holder.ts";
import { bindMount } from "./bind-mount.ts";
import { mountMappedOverlay } from "./mapped-snapshot.ts";
import { mount } from "./mount.ts";
import { mountFlags, type Propagation } from "./mount-flags.ts";
import { commonDirectory, mountOverlay, type OverlaySnapshotMount, overlayData } from "./overlay-mount.ts";
import type { SnapshotMount } from "./snapshot-mount.ts";

/** A mount in the terms of mount(8), as containerd's clients receive and send it. */
export type DescribedMount = {
  readonly type: string;
  /** A path, or whatever the file system accepts as its source. */
  readonly source: string;
  readonly options: readonly string[];
};

/** Describes a mount for people and for containerd's clients. {@link mountDescribed} is the inverse. */
export function describeMount(mount: SnapshotMount): DescribedMount {
  if (mount.type === "bind") {
    const { type, source, readonly } = mount;
    return { type, source, options: [readonly ? "ro" : "rw", "rbind"] };
  }
  const options = overlayData(mount);
  return { type: "overlay", source: "overlay", options: mount.upper ? options : ["ro", ...options] };
}

/**
 * Appended to the target's name: the directory where an overlay's layers are mounted while their owners are
 * being mapped. A crash leaves it behind, with a mount on it.
 */
export const mappedLayersSuffix = ".layers";

/**
 * Mounts what is described on `target`, a directory. Options that mount(8) knows are flags, all others belong
 * to the file system, as in containerd (core/mount). An overlay may have more layers than fit into a page:
 * see {@link mountOverlay}. With both `uidmap=` and `gidmap=`, as containerd's clients write them
 * (`0:100000:65536,...`), the owners of the files of a bind mount and of an overlay's lower layers are mapped
 * as for such a user namespace. Throws LinuxError.
 */
export async function mountDescribed(described: DescribedMount, target: string): Promise<void> {
  const read = readDescribed(described);
  if (read?.idMappings === undefined) return await mountRead(described, read, target);
  await using holder = await NamespaceHolder.start(read.idMappings, []);
  await mountRead(described, read, target, holder.path("user"));
}

async function mountRead(
  described: DescribedMount,
  read: ReadMount | undefined,
  target: string,
  userNamespace?: string,
): Promise<void> {
  const { type, source } = described;
  const { flags, propagation, data, bind } = parseOptions(described.options);
  if (read?.type === "bind")
    return bindMount(source, target, {
      ...(userNamespace !== undefined && { idmap: userNamespace }),
      recursive: bind === "recursive",
      readonly: read.readonly,
      flags: flags & (mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec),
      ...(propagation && { propagation }),
    });
  if (read === undefined) return mount({ type, source, target, flags, data: data.join(",") });
  if (userNamespace === undefined) return await mountOverlay(read.mount, target, flags);
  const layers = commonDirectory(read.mount.lower.map((layer) => `${layer}/`)).slice(0, -1);
  const mapping = { userNamespace, layers, scratch: target + mappedLayersSuffix };
  await mountMappedOverlay(read.mount, target, mapping, flags);
}

/** A described mount of one of the two kinds that snapshotters of directories use. */
export type ReadMount = (
  | { readonly type: "bind"; readonly source: string }
  | { readonly type: "overlay"; readonly mount: OverlaySnapshotMount }
) & {
  readonly readonly: boolean;
  /** Mappings of the user namespace for which its owners are mapped. */
  readonly idMappings: IdMappings | undefined;
};

/**
 * Parses a description, without mounting it. Undefined for other kinds, and for overlays that only the kernel
 * can judge: with layers that are not given by `lowerdir=`, or with an incomplete upper one.
 */
export function readDescribed({ type, source, options }: DescribedMount): ReadMount | undefined {
  const { flags, data, bind, idMappings } = parseOptions(options);
  const readonly = (flags & mountFlags.readonly) !== 0;
  if (type === "bind" || bind !== undefined) return { type: "bind", source, readonly, idMappings };
  const mount = type === "overlay" ? parseOverlay(data) : undefined;
  return mount && { type: "overlay", mount, readonly, idMappings };
}

type Options = {
  readonly flags: number;
  readonly propagation: Propagation | undefined;
  readonly bind: "alone" | "recursive" | undefined;
  readonly data: readonly string[];
  readonly idMappings: IdMappings | undefined;
};

/** mount(8), "filesystem-independent mount options": the flags that a word sets, and those that it clears. */
const words: Readonly<Record<string, { readonly set?: number; readonly clear?: number }>> = {
  defaults: {},
  async: { clear: mountFlags.synchronous },
  atime: { clear: mountFlags.noatime },
  dev: { clear: mountFlags.nodev },
  diratime: { clear: mountFlags.nodiratime },
  dirsync: { set: mountFlags.dirsync },
  exec: { clear: mountFlags.noexec },
  lazytime: { set: mountFlags.lazytime },
  noatime: { set: mountFlags.noatime },
  nodev: { set: mountFlags.nodev },
  nodiratime: { set: mountFlags.nodiratime },
  noexec: { set: mountFlags.noexec },
  norelatime: { clear: mountFlags.relatime },
  nostrictatime: { clear: mountFlags.strictatime },
  nosuid: { set: mountFlags.nosuid },
  relatime: { set: mountFlags.relatime },
  ro: { set: mountFlags.readonly },
  rw: { clear: mountFlags.readonly },
  strictatime: { set: mountFlags.strictatime },
  suid: { clear: mountFlags.nosuid },
  sync: { set: mountFlags.synchronous },
};

const propagations: Readonly<Record<string, Propagation>> = {
  private: "private",
  rprivate: "private",
  shared: "shared",
  rshared: "shared",
  slave: "slave",
  rslave: "slave",
  unbindable: "unbindable",
  runbindable: "unbindable",
};

function parseOptions(options: readonly string[]): Options {
  let flags = 0;
  let bind: Options["bind"];
  let propagation: Propagation | undefined;
  const data: string[] = [];
  for (const option of options) {
    const word = Object.hasOwn(words, option) ? words[option] : undefined;
    if (word !== undefined) flags = (flags | (word.set ?? 0)) & ~(word.clear ?? 0);
    else if (Object.hasOwn(propagations, option)) propagation = propagations[option];
    else if (option === "bind") bind ??= "alone";
    else if (option === "rbind") bind = "recursive";
    else data.push(option);
  }
  return { flags, propagation, bind, ...splitIdMappings(data) };
}

/** Both or none; an invalid mapping is left for the kernel to reject. */
function splitIdMappings(data: readonly string[]): Pick<Options, "data" | "idMappings"> {
  const after = (name: string) => data.find((option) => option.startsWith(name))?.slice(name.length) ?? "";
  const [uids, gids] = [readIdMappings(after("uidmap=")), readIdMappings(after("gidmap="))];
  if (uids === undefined || gids === undefined) return { data, idMappings: undefined };
  const rest = data.filter((option) => !/^[ug]idmap=/.test(option));
  return { data: rest, idMappings: { uids, gids } };
}

function parseOverlay(data: readonly string[]): OverlaySnapshotMount | undefined {
  const one = (name: string) => {
    const found = data.filter((option) => option.startsWith(`${name}=`));
    return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
  };
  const [lower, directory, work] = [one("lowerdir"), one("upperdir"), one("workdir")];
  if (lower === undefined || (directory === undefined) !== (work === undefined)) return undefined;
  const upper =
    directory === undefined || work === undefined
      ? undefined
      : { directory: unescaped(directory), work: unescaped(work) };
  const named = ["lowerdir=", "upperdir=", "workdir="];
  const options = data.filter((option) => !named.some((name) => option.startsWith(name)));
  return { type: "overlay", upper, lower: splitLayers(lower), options };
}

/** Splits at the colons that have no backslash before them. */
function splitLayers(text: string): readonly string[] {
  const layers = [""];
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === ":") layers.push("");
    else layers[layers.length - 1] += character === "\\" ? text.charAt(++at) : character;
  }
  return layers;
}

function unescaped(text: string): string {
  return splitLayers(text).join(":");
}
