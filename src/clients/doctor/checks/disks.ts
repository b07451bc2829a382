import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type VerityState, verityState } from "../../../ground/linux/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";

const gib = 1024 ** 3;

/** Magic numbers of statfs(2). */
const types = { overlay: 0x794c7630, nfs: 0x6969, tmpfs: 0x01021994 } as const;

type Space = {
  readonly type: number;
  readonly freeBytes: number;
  readonly freeShare: number;
  readonly freeInodesShare: number;
};

/** Is there space for images and containers, on a suitable file system? */
export const disksCheck: Check = {
  name: "disks",
  async run({ config: { root, state, images } }) {
    const needsVerity = images.snapshotter === "erofs" && images.erofsVerity;
    return [
      await rootType(root, images.snapshotter),
      ...(needsVerity ? [await rootVerity(root)] : []),
      await rootSpace(root),
      await stateType(state),
    ];
  },
};

async function rootType(root: string, snapshotter: string): Promise<Finding> {
  const title = `file system of ${root}`;
  const { type } = await spaceOf(root);
  if (type === types.overlay)
    return fail(
      title,
      "overlayfs, which cannot hold the upper directory of another overlayfs",
      'put "root" on a disk, or use the "native" snapshotter',
    );
  if (type === types.nfs)
    return fail(
      title,
      "NFS, which cannot hold the upper directory of an overlayfs",
      'put "root" on a local disk',
    );
  if (type === types.tmpfs && snapshotter === "erofs")
    return fail(
      title,
      "tmpfs, whose files cannot be mounted as EROFS",
      'put "root" on a disk, or use the "overlayfs" snapshotter',
    );
  if (type === types.tmpfs)
    return warn(
      title,
      "tmpfs: images use memory and are lost when the machine restarts",
      'put "root" on a disk',
    );
  return ok(title, "suitable for images");
}

/** Can layers be protected with fs-verity (images.erofs_verity)? */
async function rootVerity(root: string): Promise<Finding> {
  const title = `fs-verity under ${root}`;
  if ((await verityOf(root)) !== "unsupported") return ok(title, "can protect layers");
  return fail(
    title,
    "the file system or the kernel has none, so that no image can be pulled",
    'put "root" on ext4 with the feature verity (`tune2fs -O verity DEVICE`) or on btrfs, and use a kernel with CONFIG_FS_VERITY; or turn images.erofs_verity off',
  );
}

async function rootSpace(root: string): Promise<Finding> {
  const title = `space under ${root}`;
  const { freeBytes, freeShare, freeInodesShare } = await spaceOf(root);
  const detail = `${(freeBytes / gib).toFixed(1)} GiB free, ${percent(freeShare)} of the disk, ${percent(freeInodesShare)} of the inodes`;
  const remedy = "remove unused images (`berth rmi`), or enlarge the file system";
  if (freeBytes < gib || freeInodesShare < 0.01) return fail(title, detail, remedy);
  // Kubelets begin to evict pods at 15 % for images and 5 % for inodes.
  if (freeShare < 0.15 || freeInodesShare < 0.05)
    return warn(title, `${detail}: kubelets would evict pods`, remedy);
  return ok(title, detail);
}

async function stateType(state: string): Promise<Finding> {
  const title = `file system of ${state}`;
  const { type } = await spaceOf(state);
  if (type === types.tmpfs) return ok(title, "is a tmpfs");
  const detail =
    "not a tmpfs: records of running processes survive a restart of the machine, after which they are wrong";
  return warn(title, detail, 'mount a tmpfs there, or set "state" to a directory below /run if that is one');
}

/** The space of the directory's file system, or of its nearest existing parent's. */
async function spaceOf(path: string): Promise<Space> {
  try {
    const { type, bsize, bavail, blocks, ffree, files } = await statfs(path);
    return {
      type,
      freeBytes: bavail * bsize,
      freeShare: share(bavail, blocks),
      freeInodesShare: share(ffree, files),
    };
  } catch (error) {
    if (path === dirname(path)) throw error;
    return spaceOf(dirname(path));
  }
}

/** The same for fs-verity. */
async function verityOf(path: string): Promise<VerityState> {
  try {
    return await verityState(path);
  } catch (error) {
    if (path === dirname(path)) throw error;
    return verityOf(dirname(path));
  }
}

/** The free share; some file systems have no fixed number of inodes and report 0. */
function share(free: number, all: number): number {
  return all === 0 ? 1 : free / all;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
