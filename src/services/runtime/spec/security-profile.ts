import {
  SecurityProfileBase_BaseType as BaseType,
  defaultMaskedPaths,
  defaultReadonlyPaths,
  type LinuxContainerSecurityContext,
  SecurityProfile_ProfileType as ProfileType,
  type SecurityProfile,
  type SecurityProfileBase,
} from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/** The requested AppArmor or seccomp profile. */
export type ProfileChoice =
  | { readonly kind: "unset" }
  | { readonly kind: "unconfined" }
  | { readonly kind: "runtimeDefault" }
  /** AppArmor: a profile's name; seccomp: a file's path, which may be relative. */
  | { readonly kind: "localhost"; readonly reference: string }
  /** Only for seccomp: the reference of a pulled profile, and the base, which must allow a call, too. */
  | { readonly kind: "oci"; readonly reference: string; readonly base: ProfileChoice };

/**
 * The choice in CRI's message, or in the text that older clients send instead. `what` is its name in errors.
 * Throws RuntimeError InvalidArgument.
 */
export function profileChoice(
  what: string,
  profile: SecurityProfile | undefined,
  text: string,
): ProfileChoice {
  if (profile === undefined) return choiceOfText(what, text);
  const { profileType, localhostRef, ociRef, baseProfile } = profile;
  if (profileType === ProfileType.RuntimeDefault) return { kind: "runtimeDefault" };
  if (profileType === ProfileType.Unconfined) return { kind: "unconfined" };
  if (profileType === ProfileType.Localhost) return localhost(what, localhostRef);
  if (profileType === ProfileType.OCI && what === "seccomp")
    return { kind: "oci", reference: ociRef, base: baseChoice(what, baseProfile) };
  throw new RuntimeError("InvalidArgument", `${what} profile: unknown type ${profileType}`);
}

function baseChoice(what: string, base: SecurityProfileBase | undefined): ProfileChoice {
  return base?.type === BaseType.Localhost ? localhost(what, base.localhostRef) : { kind: "runtimeDefault" };
}

/**
 * "", "unconfined", "runtime/default", "docker/default" or "localhost/NAME". Throws RuntimeError
 * InvalidArgument.
 */
export function choiceOfText(what: string, text: string): ProfileChoice {
  if (text === "") return { kind: "unset" };
  if (text === "unconfined") return { kind: "unconfined" };
  if (text === "runtime/default" || text === "docker/default") return { kind: "runtimeDefault" };
  if (text.startsWith("localhost/")) return localhost(what, text);
  throw new RuntimeError(
    "InvalidArgument",
    `${what} profile: ${JSON.stringify(text)} is not a valid profile`,
  );
}

function localhost(what: string, text: string): ProfileChoice {
  const reference = text.replace(/^localhost\//, "");
  if (reference === "")
    throw new RuntimeError("InvalidArgument", `${what} profile: Localhost without a name`);
  return { kind: "localhost", reference };
}

type Security = LinuxContainerSecurityContext | undefined;

/**
 * Files of /proc and /sys that a container must not see. A security context decides for itself, also with an
 * empty list (a kubelet sends one for `procMount: Unmasked`); a container without one gets the defaults.
 */
export function maskedPaths(security: Security): readonly string[] {
  if (security?.privileged) return [];
  return security?.maskedPaths ?? defaultMaskedPaths;
}

/** The read-only paths, by the same rule. */
export function readonlyPaths(security: Security): readonly string[] {
  if (security?.privileged) return [];
  return security?.readonlyPaths ?? defaultReadonlyPaths;
}
