import { type Policy, requirementsAt } from "./policy.ts";
import { PolicyError, refusal } from "./policy-error.ts";

/** Images in a file or a directory. */
export type CheckedArchive = {
  /** The name of its format in containers-transports(5) and in policies. */
  readonly transport: "docker-archive" | "oci-archive" | "oci";
  /** Absolute and without links; undefined for an archive from a connection. */
  readonly path: string | undefined;
};

/**
 * Throws PolicyError PermissionDenied, as `verifyImage` does, unless all requirements are met. None of these
 * formats can hold signatures: if the policy requires one, it is missing.
 */
export function verifyArchive(policy: Policy, archive: CheckedArchive): void {
  for (const { kind } of requirementsAt(policy, archive.transport, scopesOf(archive))) {
    if (kind === "insecureAcceptAnything") continue;
    const why =
      kind === "reject"
        ? "images of this scope are rejected"
        : "a signature is required, and archives have none: pull the image from its registry";
    const name = archive.path ?? "an archive that was sent";
    throw new PolicyError(
      "PermissionDenied",
      `${refusal}: ${archive.transport}:${name}: ${why} (policy ${policy.file})`,
    );
  }
}

/** The path and the directories above it except the root; Docker's archives have only the last scope. */
function scopesOf({ transport, path }: CheckedArchive): readonly string[] {
  if (transport === "docker-archive" || path === undefined) return [""];
  const parts = path.split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  // The last one is already the empty scope.
  return paths;
}
