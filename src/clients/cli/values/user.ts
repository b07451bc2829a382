import { usageError } from "../errors.ts";

/** The user of a container. CRI also accepts a name, which manifests have no field for. */
export type UserFields = {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly username?: string;
};

/** Parses `UID`, `UID:GID`, `NAME` or `NAME:GID`. Throws CliError. */
export function parseUser(text: string): UserFields {
  const [user = "", group, ...rest] = text.split(":");
  if (user === "" || rest.length > 0 || (group !== undefined && !/^\d{1,10}$/.test(group))) {
    throw usageError(
      `--user ${JSON.stringify(text)} is not UID, UID:GID, NAME or NAME:GID, with a number for the group`,
    );
  }
  return {
    ...(/^\d{1,10}$/.test(user) ? { runAsUser: Number(user) } : { username: user }),
    ...(group === undefined ? {} : { runAsGroup: Number(group) }),
  };
}
