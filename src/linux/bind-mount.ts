import { closeDescriptorAsync } from "./descriptors.ts";
import { callAsync, libcFunction } from "./libc.ts";
import { mountFlags, type Propagation } from "./mount-flags.ts";

/** These numbers are the same on every architecture that Node runs on. */
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;

const openTreeCall = libcFunction(
  "long syscall(long number, int dirfd, const char *path, unsigned int flags)",
);
const moveMountCall = libcFunction(
  "long syscall(long number, int fromFd, const char *from, int toFd, const char *to, unsigned int flags)",
);
const mountSetattrCall = libcFunction(
  "long syscall(long number, int dirfd, const char *path, unsigned int flags, const uint64_t *attributes, size_t size)",
);

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 1n;

export type BindMountOptions = {
  /** Takes the mounts below `source` along. */
  readonly recursive?: boolean;
  /** `recursive` makes the mounts below read-only too. The other flags of the source's mount are kept. */
  readonly readonly?: boolean | "recursive";
  /** Of the new mount, and of those below it when `recursive`. By default it is a peer of the source, if that is shared. */
  readonly propagation?: Propagation;
};

/**
 * Makes `source` (file or directory) appear at `target`, which exists and is of the same kind. The mount is prepared
 * detached, so that it is never there without its options. Needs Linux 5.12. Throws LinuxError.
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
    if (options.readonly) {
      const scope = options.readonly === "recursive" ? AT_RECURSIVE : 0;
      await setAttributes(tree, { set: MOUNT_ATTR_RDONLY, scope }, target);
    }
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

type AttributeChange = { readonly set?: bigint; readonly propagation?: bigint; readonly scope: number };

/** mount_setattr(2); its structure is four 64-bit numbers: set, clear, propagation, user namespace. */
async function setAttributes(
  tree: number,
  { set = 0n, propagation = 0n, scope }: AttributeChange,
  subject: string,
) {
  const attributes = new BigUint64Array([set, 0n, propagation, 0n]);
  await callAsync(
    "mount_setattr",
    mountSetattrCall,
    [SYS_mount_setattr, tree, "", AT_EMPTY_PATH | scope, attributes, attributes.byteLength],
    subject,
  );
}
