import { hasCode } from "../../../../ground/errors/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { RuleCondition, SeccompFile } from "../seccomp/profile-conditions.ts";
import { profileMeaning } from "../seccomp/profile-meaning.ts";
import type { ProfileChoice } from "../security-profile.ts";
import { parseSeccompProfile } from "./seccomp-profile.ts";

/** Profiles that were pulled from registries. */
export interface PulledProfiles {
  /** The text of a profile, by the reference with which it was pulled. Throws with code NotFound. */
  read(reference: string): Promise<string>;
}

/** The profile of an OCI choice; undefined for every other. Throws NotFound if it was not pulled. */
export async function pulledProfile(
  choice: ProfileChoice,
  profiles: PulledProfiles,
): Promise<SeccompFile | undefined> {
  return choice.kind === "oci" ? parseSeccompProfile(await profiles.read(choice.reference)) : undefined;
}

/**
 * The same for a container that is only inspected, whose profile may have been removed since: then undefined.
 */
export async function pulledProfileIfThere(
  choice: ProfileChoice,
  profiles: PulledProfiles,
): Promise<SeccompFile | undefined> {
  try {
    return await pulledProfile(choice, profiles);
  } catch (error) {
    if (hasCode(error, "NotFound")) return undefined;
    throw error;
  }
}

/**
 * Throws RuntimeError InvalidArgument for a text that is not a seccomp profile, or not one that can be
 * combined with another: see {@link "../seccomp/intersect-profiles.ts"}. Docker's templates are rejected,
 * since their meaning is not known before there is a container.
 */
export function checkSeccompProfile(text: string): void {
  const { archMap, syscalls, ...profile } = parsed(text);
  if (archMap.length > 0 || syscalls.some(({ includes, excludes }) => isSet(includes) || isSet(excludes)))
    throw new RuntimeError(
      "InvalidArgument",
      "archMap, includes and excludes belong to Docker's templates, not to the runtime-spec",
    );
  profileMeaning({ ...profile, syscalls: syscalls.map(({ rule }) => rule) });
}

function isSet({ caps, arches, minKernel }: RuleCondition): boolean {
  return caps.length > 0 || arches.length > 0 || minKernel !== undefined;
}

function parsed(text: string): SeccompFile {
  try {
    return parseSeccompProfile(text);
  } catch (cause) {
    throw new RuntimeError("InvalidArgument", "it cannot be read", { cause });
  }
}
