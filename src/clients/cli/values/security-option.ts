import { resolve } from "node:path";
import type { Container } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

type SecurityContext = NonNullable<Container["securityContext"]>;

/**
 * Parses `--security-opt`: `seccomp=unconfined`, `seccomp=FILE`, `apparmor=unconfined`, `apparmor=NAME` or
 * `no-new-privileges`. Without a seccomp option, the runtime's default profile is used, which well-configured
 * kubelets request, too. Throws CliError.
 */
export function parseSecurityOptions(texts: readonly string[]): SecurityContext {
  let options: SecurityContext = { seccompProfile: { type: "RuntimeDefault" } };
  for (const text of texts) options = { ...options, ...parse(text) };
  return options;
}

function parse(text: string): SecurityContext {
  const [, name = "", value = ""] = /^([a-z-]+)(?:[=:](.*))?$/s.exec(text) ?? [];
  if (name === "no-new-privileges" && ["", "true", "false"].includes(value))
    return { allowPrivilegeEscalation: value === "false" };
  if (name === "seccomp" && value !== "") return { seccompProfile: profile(value, resolve(value)) };
  if (name === "apparmor" && value !== "") return { appArmorProfile: profile(value, value) };
  throw usageError(
    `--security-opt ${JSON.stringify(text)}: give seccomp=unconfined, seccomp=FILE, apparmor=unconfined, apparmor=NAME or no-new-privileges`,
  );
}

function profile(value: string, localhostProfile: string): NonNullable<SecurityContext["seccompProfile"]> {
  return value === "unconfined" ? { type: "Unconfined" } : { type: "Localhost", localhostProfile };
}
