import { checkKernelDirectories } from "./kernel-directories.ts";
import { readUserDatabase, type UserDatabase } from "./user-database.ts";

/** Of this many images they are kept in memory. */
const maxKept = 100;
/** Longer ones are read again. */
const maxChars = 64 * 1024;

/**
 * What was looked up in root file systems that are as their images have them, to which nobody has written
 * yet: it is the same for all containers of an image, as an image's id is the digest of all that it consists
 * of.
 */
export class ImageLookups {
  /** By the image's id; the one that was needed last is the last. */
  readonly #kept = new Map<string, UserDatabase>();

  /**
   * The users of the image, and that it has room for the kernel's file systems. `rootfs` is where it is
   * mounted for a container that is being made. Throws RuntimeError FailedPrecondition: see
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
