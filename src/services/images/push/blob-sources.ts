import type { Durability } from "../../../ground/metadata/index.ts";
import type { Digest, Reference } from "../../../parts/oci/index.ts";
import type { ContentStore } from "../../content/index.ts";

/**
 * containerd's label of a blob, with the repositories of a registry that have it, separated by commas. The
 * registry is named without its port.
 */
const labelPrefix = "containerd.io/distribution.source.";
/**
 * A label has room for only a few names of maximum length, and one that the registry can mount from is
 * enough.
 */
const maxKept = 8;
const maxTried = 3;

/**
 * Other repositories of the reference's registry that one of the blobs came from or went to, and that may
 * have the rest.
 */
export function sourcesOf(
  content: ContentStore,
  digests: readonly Digest[],
  { host, repository }: Reference,
): readonly string[] {
  const known = digests.flatMap((digest) => (content.has(digest) ? listed(content, digest, host) : []));
  return [...new Set(known)].filter((other) => other !== repository).slice(0, maxTried);
}

/** Records on the blobs in the content store that the reference's repository has them. */
export async function recordSource(
  content: ContentStore,
  digests: readonly Digest[],
  { host, repository }: Pick<Reference, "host" | "repository">,
  durability?: Durability,
): Promise<void> {
  const news = [...new Set(digests)].filter(
    (digest) => content.has(digest) && !listed(content, digest, host).includes(repository),
  );
  await Promise.all(
    news.map(async (digest) => {
      const all = [repository, ...listed(content, digest, host)].slice(0, maxKept);
      await content.setLabels(digest, { [labelOf(host)]: all.join(",") }, undefined, durability);
    }),
  );
}

function listed(content: ContentStore, digest: Digest, host: string): readonly string[] {
  const value = content.info(digest).labels[labelOf(host)] ?? "";
  return value.split(",").filter((repository) => repository !== "");
}

function labelOf(host: string): string {
  return `${labelPrefix}${new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, "")}`;
}
