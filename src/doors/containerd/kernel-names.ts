import type { CgroupFiles } from "../../services/stats/index.ts";

/** As the kernel spells the name of a field. */
export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The sizes of huge pages that there are figures of. */
export function hugepageSizesIn(texts: CgroupFiles["texts"]): readonly string[] {
  return [...texts.keys()].flatMap(
    (name) => /^hugetlb\.(\w+)\.(?:usage_in_bytes|current)$/.exec(name)?.[1] ?? [],
  );
}
