import { formatReference, parseReference } from "../../parts/oci/index.ts";
import { ImageError } from "./image-error.ts";

/**
 * The name under which a reference is stored: if it has a digest, its tag is dropped. Throws OciFormatError.
 */
export function nameOfReference(text: string): string {
  const reference = parseReference(text);
  return formatReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
}

/** The same for a new name. Throws ImageError InvalidArgument, too, for one with a digest. */
export function nameOfTag(text: string): string {
  if (parseReference(text).digest === undefined) return nameOfReference(text);
  throw new ImageError(
    "InvalidArgument",
    `${JSON.stringify(text)} has a digest, which cannot be given: name a tag`,
  );
}

/** {@link nameOfReference}, or undefined for text that is not a reference; it may be an id. */
export function nameIfReference(text: string): string | undefined {
  try {
    return nameOfReference(text);
  } catch {
    return undefined;
  }
}
