import { resolve } from "node:path";
import { SecurityProfile, SecurityProfile_ProfileType } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";

export type SecurityOptions = {
  readonly seccomp: SecurityProfile;
  readonly apparmor?: SecurityProfile;
  readonly noNewPrivs?: boolean;
};

const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;

/**
 * `--security-opt`, each as `seccomp=unconfined`, `seccomp=FILE`, `apparmor=unconfined`, `apparmor=NAME` or
 * `no-new-privileges`. Without a word about seccomp it is the runtime's default profile, which a kubelet too
 * asks for where it is well set up. Throws CliError.
 */
export function parseSecurityOptions(texts: readonly string[]): SecurityOptions {
  let options: SecurityOptions = { seccomp: profile(RuntimeDefault) };
  for (const text of texts) options = { ...options, ...parse(text) };
  return options;
}

function parse(text: string): Partial<SecurityOptions> {
  const [, name = "", value = ""] = /^([a-z-]+)(?:[=:](.*))?$/s.exec(text) ?? [];
  if (name === "no-new-privileges" && ["", "true", "false"].includes(value))
    return { noNewPrivs: value !== "false" };
  if (name === "seccomp" && value !== "")
    return { seccomp: value === "unconfined" ? profile(Unconfined) : localhost(resolve(value)) };
  if (name === "apparmor" && value !== "")
    return { apparmor: value === "unconfined" ? profile(Unconfined) : localhost(value) };
  throw usageError(
    `--security-opt ${JSON.stringify(text)}: give seccomp=unconfined, seccomp=FILE, apparmor=unconfined, apparmor=NAME or no-new-privileges`,
  );
}

function profile(profileType: SecurityProfile["profileType"]): SecurityProfile {
  return SecurityProfile.fromPartial({ profileType });
}

function localhost(localhostRef: string): SecurityProfile {
  return SecurityProfile.fromPartial({ profileType: Localhost, localhostRef });
}
