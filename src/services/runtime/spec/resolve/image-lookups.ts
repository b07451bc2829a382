import { checkKernelDirectories } from "./kernel-directories.ts";
import { readUserDatabase, type UserDatabase } from "./user-database.ts";

/** Number of images whose users are kept in memory. */
const maxKept = 100;
/** Longer files are read again each time. */
const maxChars = 64 * 1024;

/**
 * Caches lookups in root file systems that are unchanged from their images: they are the same for all
 * containers of an image, since its id is a digest of all of its contents.
 */
export class ImageLookups {
  /** By the image's id, the most recently used one last. */
  readonly #kept = new Map<string, UserDatabase>();

  /**
   * The users of the image; also checks that it has directories for the kernel's file systems. `rootfs` is
   * where it is mounted for a container that is being created. Throws RuntimeError FailedPrecondition: see
   * {@link checkKernelDirectories} and {@link readUserDatabase}.
   */
  async users(imageId: string, rootfs: string): Promise<UserDatabase> {
    const kept = this.#kept.get(imageId) ?? (await lookUp(rootfs));
    this.#kept.delete(imageId);
    if (kept.passwd.length + kept.group.length > maxChars) return kept;
    this.#kept.set(imageId, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    return kept;
  }
}

async function lookUp(rootfs: string): Promise<UserDatabase> {
  await checkKernelDirectories(rootfs);
  return await readUserDatabase(rootfs);
}
