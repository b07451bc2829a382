import type { Place } from "../place.ts";
import {
  boolean,
  checked,
  integer,
  list,
  object,
  oneOf,
  type Read,
  string,
  text,
  unique,
} from "../schema.ts";

const id = integer(0, 2 ** 31 - 1);

function needsLocalhostProfile(
  { type, localhostProfile }: { readonly type: string; readonly localhostProfile?: string },
  place: Place,
): void {
  if ((type === "Localhost") !== (localhostProfile !== undefined))
    place.at("localhostProfile").error("must be set only for the type Localhost");
}

const profile = checked(
  object({ type: oneOf("Localhost", "RuntimeDefault", "Unconfined") }, { localhostProfile: string }),
  needsLocalhostProfile,
);
const sysctlName = text((value) =>
  value.length <= 253 && value.split(/[./]/).every((part) => /^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/.test(part))
    ? undefined
    : "is not a sysctl such as net.core.somaxconn",
);
const seLinuxOptions = object({}, { level: string, role: string, type: string, user: string });

/** The security context of a pod, for all its containers. */
export const podSecurityContext = object(
  {},
  {
    appArmorProfile: profile,
    seccompProfile: profile,
    seLinuxOptions,
    fsGroup: id,
    fsGroupChangePolicy: oneOf("Always", "OnRootMismatch"),
    runAsUser: id,
    runAsGroup: id,
    runAsNonRoot: boolean,
    supplementalGroups: list(id),
    supplementalGroupsPolicy: oneOf("Merge", "Strict"),
    sysctls: checked(
      list(object({ name: sysctlName, value: string }, {})),
      unique("name", ({ name }) => name),
    ),
  },
  ["seLinuxChangePolicy", "windowsOptions"],
);
export type PodSecurityContext = Read<typeof podSecurityContext>;

/** The security context of a container, which overrides the pod's. */
export const securityContext = object(
  {},
  {
    allowPrivilegeEscalation: boolean,
    appArmorProfile: profile,
    seccompProfile: profile,
    seLinuxOptions,
    capabilities: object({}, { add: list(string), drop: list(string) }),
    privileged: boolean,
    procMount: oneOf("Default", "Unmasked"),
    readOnlyRootFilesystem: boolean,
    runAsUser: id,
    runAsGroup: id,
    runAsNonRoot: boolean,
  },
  ["windowsOptions"],
);
export type SecurityContext = Read<typeof securityContext>;
