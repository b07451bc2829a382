import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: InvalidArgument (a name), NotFound, AlreadyExists, FailedPrecondition (deleting a namespace that is
 * not empty).
 */
export class NamespaceError extends BerthError {}

const pattern = /^[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*$/;
const maxLength = 76;

/**
 * Whether containerd accepts it as the name of a namespace, or as an id within one (pkg/identifiers). It is
 * then safe as a directory name, too.
 */
export function isIdentifier(text: string): boolean {
  return text.length <= maxLength && pattern.test(text);
}

/** Throws NamespaceError InvalidArgument. */
export function checkNamespace(name: string): void {
  if (isIdentifier(name)) return;
  throw new NamespaceError(
    "InvalidArgument",
    `${JSON.stringify(name.slice(0, 2 * maxLength))} is not a valid namespace: use at most ${maxLength} letters and digits, with single - . _ between them`,
  );
}
