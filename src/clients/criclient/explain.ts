import { promises } from "node:fs";
import { GrpcCallError } from "../grpcclient/index.ts";
import { UnreachableError } from "./cri-client-error.ts";

/** Remedies for the program's user, appended to error messages. */
export type ClientHints = {
  /** How to choose another endpoint. */
  readonly address?: string;
  /** How to start the runtime. */
  readonly start?: string;
  /** How to wait longer. */
  readonly timeout?: string;
};

/** Explains why a socket cannot be reached: Unavailable or PermissionDenied. */
export async function explain(
  path: string,
  error: unknown,
  { address, start }: ClientHints = {},
): Promise<UnreachableError> {
  const fail = (code: "Unavailable" | "PermissionDenied", message: string) =>
    new UnreachableError(code, message, { cause: error });
  const hints = [start, address].filter((hint) => hint !== undefined).join("; ");
  const elsewhere = address === undefined ? "" : `; ${address}`;
  const errno = errnoOf(error);
  if (errno === undefined) return fail("Unavailable", "the socket is open, but does not answer gRPC");
  if (!(await isSocket(path))) return fail("Unavailable", `${path} is not a socket${elsewhere}`);
  switch (errno) {
    case "ENOENT":
      return fail("Unavailable", `socket ${path} not found: is berthd running? ${hints}`.trimEnd());
    case "ECONNREFUSED":
      return fail("Unavailable", `nothing listens on ${path}: berthd is not running. ${hints}`.trimEnd());
    case "EACCES":
    case "EPERM":
      return fail(
        "PermissionDenied",
        `no permission to use ${path}: run this as root, or give a group access (address_group in berthd's configuration)`,
      );
    default:
      return fail("Unavailable", `cannot connect to ${path}${elsewhere}`);
  }
}

/** Errno of the failed connect; undefined for other errors. */
function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof GrpcCallError) || !(error.cause instanceof Error)) return undefined;
  const { syscall, code } = error.cause as NodeJS.ErrnoException;
  return syscall === "connect" ? code : undefined;
}

/** Also true if that cannot be determined. */
async function isSocket(path: string): Promise<boolean> {
  // From node:fs, which loads its promises only on use.
  return promises.stat(path).then(
    (found) => found.isSocket(),
    () => true,
  );
}
