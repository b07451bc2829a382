import { open } from "node:fs/promises";
import { isErrno } from "../../fs/index.ts";
import { closeDescriptorAsync } from "../files/descriptors.ts";
import { callAsync, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, moveMountCall, SYS_move_mount } from "./mount-calls.ts";
import { mountFlags, type Propagation } from "./mount-flags.ts";

/** These numbers are the same on every architecture that Node runs on. */
const SYS_open_tree = 428;
const SYS_mount_setattr = 442;

const openTreeCall = libcFunction(
  "long syscall(long number, int dirfd, const char *path, unsigned int flags)",
);
const mountSetattrCall = libcFunction(
  "long syscall(long number, int dirfd, const char *path, unsigned int flags, const uint64_t *attributes, size_t size)",
);

const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
/** This flag and those of nosuid, nodev and noexec are the same as in mount(2). */
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_IDMAP = 0x10_0000n;

export type BindMountOptions = {
  /** Includes the mounts below `source`. */
  readonly recursive?: boolean;
  /** `recursive` also makes the mounts below it read-only. The other flags of the source's mount are kept. */
  readonly readonly?: boolean | "recursive";
  /** A sum of `mountFlags.nosuid`, `nodev` and `noexec`, for the topmost mount. */
  readonly flags?: number;
  /**
   * The propagation of the new mount and, if `recursive`, of those below it. By default, it is a peer of the
   * source if that is shared.
   */
  readonly propagation?: Propagation;
  /**
   * File of a user namespace: the mount shows the files with owners mapped by it, so that files of root
   * belong to the namespace's root. Applies only to the topmost mount. The source's file system must support
   * it (ext4, xfs, btrfs, tmpfs since Linux 6.3, ...).
   */
  readonly idmap?: string;
};

/**
 * Mounts `source` (a file or directory) at `target`, which exists and is of the same kind. The mount is
 * prepared detached, so that it is never visible without its options. Needs Linux 5.12. Throws LinuxError.
 */
export async function bindMount(
  source: string,
  target: string,
  options: BindMountOptions = {},
): Promise<void> {
  const recursive = options.recursive ? AT_RECURSIVE : 0;
  const tree = await callAsync(
    "open_tree",
    openTreeCall,
    [SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive],
    source,
  );
  try {
    if (options.idmap !== undefined) await mapIds(tree, options.idmap, source);
    if (options.readonly) {
      const scope = options.readonly === "recursive" ? AT_RECURSIVE : 0;
      await setAttributes(tree, { set: MOUNT_ATTR_RDONLY, scope }, target);
    }
    if (options.flags) await setAttributes(tree, { set: BigInt(options.flags), scope: 0 }, target);
    if (options.propagation !== undefined) {
      const propagation = BigInt(mountFlags[options.propagation]);
      await setAttributes(tree, { propagation, scope: recursive }, target);
    }
    await callAsync(
      "move_mount",
      moveMountCall,
      [SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH],
      `${source} on ${target}`,
    );
  } finally {
    await closeDescriptorAsync(tree);
  }
}

async function mapIds(tree: number, userNamespace: string, source: string): Promise<void> {
  await using file = await open(userNamespace);
  try {
    await setAttributes(tree, { set: MOUNT_ATTR_IDMAP, userNamespace: file.fd, scope: 0 }, source);
  } catch (error) {
    if (!isErrno(error, "EINVAL")) throw error;
    throw new LinuxError("mount_setattr", "EINVAL", `${source}: its file system has no ID-mapped mounts`, {
      code: "FailedPrecondition",
      cause: error,
    });
  }
}

type AttributeChange = {
  readonly set?: bigint;
  readonly propagation?: bigint;
  readonly userNamespace?: number;
  readonly scope: number;
};

/**
 * mount_setattr(2); its structure consists of four 64-bit numbers: set, clear, propagation, user namespace.
 */
async function setAttributes(
  tree: number,
  { set = 0n, propagation = 0n, userNamespace = 0, scope }: AttributeChange,
  subject: string,
) {
  const attributes = new BigUint64Array([set, 0n, propagation, BigInt(userNamespace)]);
  await callAsync(
    "mount_setattr",
    mountSetattrCall,
    [SYS_mount_setattr, tree, "", AT_EMPTY_PATH | scope, attributes, attributes.byteLength],
    subject,
  );
}
