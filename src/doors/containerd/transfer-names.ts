import { hasCode } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { ContainerdError } from "./errors.ts";

type ImageStore = containerd.transferImages.ImageStore;
/** A name to create, with its labels. */
export type Named = { readonly name: string; readonly labels: Labels };

/**
 * The names that a client wants for its target, built as in containerd (core/transfer/image): the store's own
 * name, further complete names, and prefixes completed with the target's digest.
 */
export function namesIn(
  { name, labels, extraReferences }: ImageStore,
  { digest }: Descriptor,
): readonly Named[] {
  const further = extraReferences
    .filter(isComplete)
    .map((reference) => (reference.addDigest ? `${reference.name}@${digest}` : reference.name));
  return [...(name === "" ? [] : [name]), ...further].map((each) => ({ name: each, labels }));
}

/** Whether a store names its target at all. */
export function isNamed({ name, extraReferences }: ImageStore): boolean {
  return name !== "" || extraReferences.some(isComplete);
}

function isComplete({ isPrefix, addDigest }: ImageStore["extraReferences"][number]): boolean {
  return addDigest || !isPrefix;
}

/**
 * The names of an image from an archive in which it has the names `written`: complete names, and tags that a
 * prefix completes. A prefix that allows overwriting accepts any complete name, others only names that begin
 * with it.
 */
export function archivedNames(
  { labels, extraReferences }: ImageStore,
  { digest }: Descriptor,
  written: readonly string[],
): readonly Named[] {
  const names = extraReferences
    .filter(({ isPrefix }) => isPrefix)
    .flatMap((reference) => {
      const prefix = reference.name;
      const found = written.flatMap((each) => {
        if (!/[/:@]/.test(each)) return [`${prefix}:${each}`];
        return reference.allowOverwrite || hasPrefix(each, prefix) ? [each] : [];
      });
      const byDigest = reference.addDigest && (found.length === 0 || !reference.skipNamedDigest);
      return byDigest ? [...found, `${prefix}@${digest}`] : found;
    });
  return [...new Set(names)].map((name) => ({ name, labels }));
}

function hasPrefix(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && ["", "/", ":", "@"].includes(name.charAt(prefix.length));
}

/**
 * Points the names to the target, whatever they pointed to before; labels are merged. Throws NotFound if
 * there is no name.
 */
export async function putNames(
  { imageNames, garbage }: NamespaceStorage,
  names: readonly Named[],
  target: Descriptor,
): Promise<void> {
  if (names.length === 0) throw new ContainerdError("NotFound", "destination: no name for the image");
  for (const { name, labels } of names) {
    try {
      await imageNames.create({ name, target, labels });
    } catch (error) {
      if (!hasCode(error, "AlreadyExists")) throw error;
      await imageNames.update(name, () => ({ target, labels }));
    }
  }
  // A name may have had another target, which is garbage now.
  garbage.collectSoon();
}
