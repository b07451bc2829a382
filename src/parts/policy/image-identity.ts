import { parseReference, repositoryName } from "../oci/index.ts";

/** A name as containers/image compares them: nothing is added where neither tag nor digest is written. */
export type ImageIdentity = {
  /** `docker.io/library/busybox`. */
  readonly name: string;
  /** `:TAG`, `@DIGEST`, or both; empty for a repository alone. */
  readonly version: string;
};

/** Throws OciFormatError. */
export function parseIdentity(text: string): ImageIdentity {
  const reference = parseReference(text);
  const { tag, digest } = reference;
  const isWritten = tag !== undefined && (digest !== undefined || text.endsWith(`:${tag}`));
  const version = `${isWritten ? `:${tag}` : ""}${digest === undefined ? "" : `@${digest}`}`;
  return { name: repositoryName(reference), version };
}
