import { usageError } from "../errors.ts";

/** The part of a security context that says as whom a container runs. */
export type UserFields = {
  readonly runAsUser?: { readonly value: bigint };
  readonly runAsGroup?: { readonly value: bigint };
  readonly runAsUsername?: string;
};

/** `UID`, `UID:GID`, `NAME` or `NAME:GID`. Throws CliError. */
export function parseUser(text: string): UserFields {
  const [user = "", group, ...rest] = text.split(":");
  if (user === "" || rest.length > 0 || (group !== undefined && !/^\d{1,10}$/.test(group))) {
    throw usageError(
      `--user ${JSON.stringify(text)} is not UID, UID:GID, NAME or NAME:GID, with a number for the group`,
    );
  }
  return {
    ...(/^\d{1,10}$/.test(user) ? { runAsUser: { value: BigInt(user) } } : { runAsUsername: user }),
    ...(group === undefined ? {} : { runAsGroup: { value: BigInt(group) } }),
  };
}
