import { mountInfo } from "../../ground/linux/index.ts";

/**
 * Numbers of the snapshots below `root` that are a layer of an overlay that is mounted. Overlays of many layers name them
 * relative to `root`.
 */
export async function mountedLayers(root: string): Promise<ReadonlySet<number>> {
  const overlays = await mountInfo({ type: "overlay" });
  const paths = overlays
    .flatMap(({ superOptions }) => superOptions)
    .filter((option) => /^(lowerdir\+?|upperdir)=/.test(option))
    .flatMap((option) => option.slice(option.indexOf("=") + 1).split(":"));
  const ids = paths.map(
    (path) => (path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path).split("/")[0],
  );
  return new Set(ids.map(Number).filter((id) => id > 0));
}
