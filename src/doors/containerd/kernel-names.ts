import type { CgroupFiles } from "../../services/stats/index.ts";

/** A field's name in the kernel's spelling: `fooBar` is `foo_bar`. */
export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The huge page sizes for which a cgroup has statistics. */
export function hugepageSizesIn(texts: CgroupFiles["texts"]): readonly string[] {
  return [...texts.keys()].flatMap(
    (name) => /^hugetlb\.(\w+)\.(?:usage_in_bytes|current)$/.exec(name)?.[1] ?? [],
  );
}
