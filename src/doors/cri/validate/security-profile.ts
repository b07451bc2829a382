import {
  SecurityProfileBase_BaseType as BaseType,
  SecurityProfile_ProfileType as ProfileType,
  type SecurityProfile,
  type SecurityProfileBase,
} from "../../../ground/protocol/index.ts";
import { parseReference } from "../../../parts/oci/index.ts";
import { all, type Check, ifPresent, message, oneOf, refuse } from "./check.ts";
import { line, word } from "./text.ts";

/** A reference with a digest, which pins its content. */
export const pinnedReference: Check<string> = (value, path) => {
  try {
    if (parseReference(value).digest !== undefined) return;
  } catch (error) {
    refuse(path, error instanceof Error ? error.message : String(error));
  }
  refuse(path, `must be a reference with a digest, is ${JSON.stringify(value)}`);
};

/** Fields of one type must not be set with another. */
const parts: Check<SecurityProfile> = ({ profileType, localhostRef, ociRef, baseProfile }, path) => {
  if (profileType === ProfileType.Localhost && localhostRef === "")
    refuse(`${path}.localhost_ref`, "must name the profile when profile_type is Localhost");
  if (profileType !== ProfileType.Localhost && localhostRef !== "")
    refuse(`${path}.localhost_ref`, "must not be set unless profile_type is Localhost");
  if (profileType === ProfileType.OCI) pinnedReference(ociRef, `${path}.oci_ref`);
  if (profileType !== ProfileType.OCI && ociRef !== "")
    refuse(`${path}.oci_ref`, "must not be set unless profile_type is OCI");
  if (profileType !== ProfileType.OCI && baseProfile !== undefined)
    refuse(`${path}.base_profile`, "must not be set unless profile_type is OCI");
};

const base: Check<SecurityProfileBase> = all(
  message<SecurityProfileBase>({ type: oneOf(BaseType), localhostRef: line(4096) }),
  ({ type, localhostRef }, path) => {
    if (type === BaseType.Localhost && localhostRef === "")
      refuse(`${path}.localhost_ref`, "must name the profile when type is Localhost");
    if (type !== BaseType.Localhost && localhostRef !== "")
      refuse(`${path}.localhost_ref`, "must not be set unless type is Localhost");
  },
);

export const seccompProfile: Check<SecurityProfile | undefined> = ifPresent(
  all(
    message<SecurityProfile>({
      profileType: oneOf(ProfileType),
      localhostRef: line(4096),
      ociRef: word(1024),
      baseProfile: ifPresent(base),
    }),
    parts,
  ),
);

/** There are none in registries. */
export const appArmorProfile: Check<SecurityProfile | undefined> = ifPresent(
  all(
    message<SecurityProfile>({
      profileType: oneOf<ProfileType>(ProfileType, [
        ProfileType.RuntimeDefault,
        ProfileType.Unconfined,
        ProfileType.Localhost,
      ]),
      localhostRef: line(4096),
    }),
    parts,
  ),
);
