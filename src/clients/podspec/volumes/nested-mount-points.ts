import { relative, resolve } from "node:path";
import type { Pod } from "../pod.ts";

/**
 * The paths inside a volume at which containers mount other volumes: `cache` if one is mounted at
 * /etc/web/cache and this volume at /etc/web. Mounts below such a path do not count.
 */
export function nestedMountPoints(volume: string, { spec }: Pod): readonly string[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  const nested = [...initContainers, ...containers, ...ephemeralContainers].flatMap(
    ({ volumeMounts = [] }) => {
      const mounts = volumeMounts.map(({ name, mountPath }) => ({ name, path: resolve("/", mountPath) }));
      const paths = mounts.map(({ path }) => path);
      return mounts
        .filter(({ name }) => name === volume)
        .flatMap(({ path }) =>
          outermost(paths.filter((other) => isBelow(path, other))).map((other) => relative(path, other)),
        );
    },
  );
  return [...new Set(nested)];
}

function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !paths.some((other) => isBelow(other, path)));
}

function isBelow(path: string, other: string): boolean {
  return other !== path && other.startsWith(path === "/" ? path : `${path}/`);
}
