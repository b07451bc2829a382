import { mountInfo } from "../../ground/linux/index.ts";

/**
 * Numbers of the snapshots below `root` that are a layer of an overlay that is mounted. Overlays of many
 * layers name the lower ones relative to the directory that they lie in. Its upper layer's path tells which
 * one that is; without an upper layer it may be `root`.
 */
export async function mountedLayers(root: string): Promise<ReadonlySet<number>> {
  const overlays = await mountInfo({ type: "overlay" });
  const names = overlays.flatMap(({ superOptions }) => layersBelow(`${root}/`, superOptions));
  return new Set(names.map((name) => Number(name.split("/")[0])).filter((id) => id > 0));
}

/** Names of an overlay's layers, relative to `base`, with those that may lie below it. */
function layersBelow(base: string, superOptions: readonly string[]): readonly string[] {
  const valuesOf = (key: RegExp) =>
    superOptions.filter((option) => key.test(option)).map((option) => option.slice(option.indexOf("=") + 1));
  const upper = valuesOf(/^upperdir=/);
  const lower = valuesOf(/^lowerdir\+?=/).flatMap((value) => value.split(":"));
  const below = [...upper, ...lower].filter((path) => path.startsWith(base));
  const relativeToBase = upper.every((path) => path.startsWith(base));
  return [
    ...below.map((path) => path.slice(base.length)),
    ...lower.filter((path) => relativeToBase && !path.startsWith("/")),
  ];
}
