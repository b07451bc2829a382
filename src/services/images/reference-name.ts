import { formatReference, parseReference } from "../../parts/oci/index.ts";

/**
 * The name under which a reference is kept: a digest, where there is one, makes the tag meaningless. Throws
 * OciFormatError.
 */
export function nameOfReference(text: string): string {
  const reference = parseReference(text);
  return formatReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
}

/** {@link nameOfReference}, or undefined for what is none: it may be an id. */
export function nameIfReference(text: string): string | undefined {
  try {
    return nameOfReference(text);
  } catch {
    return undefined;
  }
}
