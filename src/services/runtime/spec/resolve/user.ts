import {
  type LinuxContainerSecurityContext,
  SupplementalGroupsPolicy,
} from "../../../../ground/protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { OciUser } from "../types.ts";
import {
  type GroupEntry,
  isId,
  type PasswdEntry,
  parseGroups,
  parsePasswd,
  type UserDatabase,
} from "./user-database.ts";

type Security = LinuxContainerSecurityContext | undefined;
/** The user that a container runs as. */
export type FoundUser = {
  readonly user: OciUser;
  /**
   * HOME, if /etc/passwd does not have the user: crun before 1.20 then sets none, unlike runc. Undefined for
   * others, whose home OCI runtimes look up when they start the process.
   */
  readonly home?: string;
};

type Databases = { readonly passwd: readonly PasswdEntry[]; readonly groups: readonly GroupEntry[] };

/**
 * The user that the container runs as: CRI's (run_as_username or run_as_user, run_as_group), else the image's
 * `USER`, else root. The default group is the user's own in /etc/passwd, or 0. The primary group is also a
 * supplemental one, as after a login; the policy Merge adds those of the user in /etc/group. Throws
 * RuntimeError InvalidArgument, FailedPrecondition (no such user or group).
 */
export function resolveUser(database: UserDatabase, security: Security, imageUser: string): FoundUser {
  const [user, group] = wantedUser(security, imageUser);
  const [passwd, groups] = [parsePasswd(database.passwd), parseGroups(database.group)];
  const entry = findUser(passwd, user);
  const gid = group === "" ? entry.gid : findGroup(groups, group);
  const additional = new Set([
    gid,
    ...membership({ passwd, groups }, entry, security),
    ...requestedGroups(security),
  ]);
  const found = { uid: entry.uid, gid, additionalGids: [...additional] };
  return entry.name === "" ? { user: found, home: "/" } : { user: found };
}

/** User and group, as names or numbers; "" for an unspecified group. */
function wantedUser(security: Security, imageUser: string): readonly [user: string, group: string] {
  const user = security?.runAsUsername || security?.runAsUser?.value.toString();
  const group = security?.runAsGroup?.value.toString() ?? "";
  if (user !== undefined) return [user, group];
  if (group !== "")
    throw new RuntimeError("InvalidArgument", "run_as_group needs run_as_user or run_as_username");
  const [name = "", imageGroup = "", ...rest] = imageUser.split(":");
  if (rest.length > 0)
    throw new RuntimeError(
      "FailedPrecondition",
      `image: user ${JSON.stringify(imageUser)} is not USER[:GROUP]`,
    );
  return [name === "" ? "0" : name, imageGroup];
}

function findUser(passwd: readonly PasswdEntry[], user: string): PasswdEntry {
  if (/^-?\d+$/.test(user)) {
    if (!isId(user))
      throw new RuntimeError("InvalidArgument", `user ${user}: out of range (0 to 2147483647)`);
    const uid = Number(user);
    return passwd.find((entry) => entry.uid === uid) ?? { name: "", uid, gid: 0 };
  }
  const entry = passwd.find(({ name }) => name === user);
  if (entry !== undefined) return entry;
  throw new RuntimeError(
    "FailedPrecondition",
    `image: user ${JSON.stringify(user)} not found in its /etc/passwd`,
  );
}

function findGroup(groups: readonly GroupEntry[], group: string): number {
  if (/^-?\d+$/.test(group)) {
    if (isId(group)) return Number(group);
    throw new RuntimeError("InvalidArgument", `group ${group}: out of range (0 to 2147483647)`);
  }
  const entry = groups.find(({ name }) => name === group);
  if (entry !== undefined) return entry.gid;
  throw new RuntimeError(
    "FailedPrecondition",
    `image: group ${JSON.stringify(group)} not found in its /etc/group`,
  );
}

function membership({ groups }: Databases, { name }: PasswdEntry, security: Security): readonly number[] {
  if (name === "" || security?.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict) return [];
  return groups.filter(({ members }) => members.includes(name)).map(({ gid }) => gid);
}

function requestedGroups(security: Security): readonly number[] {
  return (security?.supplementalGroups ?? []).map((gid) => findGroup([], gid.toString()));
}
