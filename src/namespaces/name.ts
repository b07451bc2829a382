import { BerthError } from "../errors/index.ts";

/** Codes: InvalidArgument (a name), NotFound, AlreadyExists, FailedPrecondition (to be deleted, and not empty). */
export class NamespaceError extends BerthError {}

/** containerd's rule for identifiers (pkg/identifiers). Names of namespaces are names of directories too. */
const pattern = /^[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*$/;
const maxLength = 76;

/** Throws NamespaceError InvalidArgument. */
export function checkNamespace(name: string): void {
  if (name.length <= maxLength && pattern.test(name)) return;
  throw new NamespaceError(
    "InvalidArgument",
    `${JSON.stringify(name.slice(0, 2 * maxLength))} is not a namespace: at most ${maxLength} letters and digits, with single - . _ between them`,
  );
}
