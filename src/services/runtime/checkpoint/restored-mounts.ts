import { posix } from "node:path";
import type { MountInfo } from "../../../ground/linux/index.ts";
import type { OciMount, OciSpec } from "../spec/types.ts";

/** Options that take something away from what a container may do with a mount. */
const restrictions = ["ro", "nosuid", "nodev", "noexec"];

/**
 * How the mounts of a restored container differ from those in its spec; undefined if they do not. `resolve`
 * returns a path in the container without its symbolic links, undefined for a missing one.
 */
export async function mountExcess(
  mounts: readonly MountInfo[],
  spec: OciSpec,
  resolve: (path: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const { maskedPaths, readonlyPaths } = spec.linux;
  // Of several mounts at one mount point, the last one is visible.
  const at = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
  if (spec.root.readonly && !at.get("/")?.options.includes("ro")) return "its root file system is writable";
  for (const mount of spec.mounts) {
    const found = at.get(await placeOf(mount.destination, resolve));
    const lost = found && restrictionsOf(mount, found).find((one) => !found.options.includes(one));
    if (lost !== undefined) return `its mount at ${mount.destination} is not ${lost}`;
  }
  for (const path of maskedPaths)
    if ((await resolve(path)) !== undefined && !isMask(at.get(path), at.get("/")))
      return `${path} is not masked`;
  for (const path of readonlyPaths)
    if ((await resolve(path)) !== undefined && !at.get(path)?.options.includes("ro"))
      return `${path} can be written`;
  if (spec.process.capabilities.bounding.includes("CAP_SYS_ADMIN")) return undefined;
  const own = await Promise.all(
    spec.mounts.map(async (mount) => [await placeOf(mount.destination, resolve), mount] as const),
  );
  const stray = mounts.find((mount) => !isExpected(mount, own, [...maskedPaths, ...readonlyPaths]));
  return stray && `it has a mount (${stray.type}) at ${stray.mountPoint}`;
}

async function placeOf(
  path: string,
  resolve: (path: string) => Promise<string | undefined>,
): Promise<string> {
  const resolved = await resolve(path);
  return resolved === undefined ? posix.normalize(path) : posix.join("/", resolved);
}

/**
 * As the OCI runtime understands options: recursive ones (`rro`) hold for the mount itself too. With cgroup
 * v1 it mounts a tmpfs for the hierarchies, which can be written, and these read-only below it.
 */
function restrictionsOf({ type, options }: OciMount, found: MountInfo): readonly string[] {
  const asked = restrictions.filter((one) => options.includes(one) || options.includes(`r${one}`));
  return type === "cgroup" && found.type === "tmpfs" ? asked.filter((one) => one !== "ro") : asked;
}

/**
 * Whether a mount is one with which OCI runtimes mask a path: read-only, empty, or the container's own files.
 */
function isMask(mount: MountInfo | undefined, root: MountInfo | undefined): boolean {
  if (mount === undefined) return false;
  const isNull = mount.type === "devtmpfs" && mount.root === "/null";
  return isNull || mount.options.includes("ro") || mount.device === root?.device;
}

/**
 * Besides those of the spec an OCI runtime makes: the terminal's, the hierarchies of cgroup v1, and what is
 * mounted on the host below a directory that is bound with all that it holds.
 */
function isExpected(
  { mountPoint, type, options }: MountInfo,
  own: readonly (readonly [place: string, mount: OciMount])[],
  guarded: readonly string[],
): boolean {
  if (mountPoint === "/" || guarded.includes(mountPoint)) return true;
  if (mountPoint === "/dev/console" && type === "devpts") return true;
  if (own.some(([place]) => place === mountPoint)) return true;
  const above = own.findLast(([place]) => mountPoint.startsWith(`${place}/`));
  if (above?.[1].type === "cgroup")
    return type.startsWith("cgroup") && (options.includes("ro") || above[1].options.includes("rw"));
  return above?.[1].options.includes("rbind") ?? false;
}
