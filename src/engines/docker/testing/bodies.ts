import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { NewContainer } from "../../../parts/dockerapi/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";
import { containerBody } from "../container-body.ts";
import type { FoundSandbox } from "../found.ts";
import { sandboxBody } from "../sandbox-body.ts";
import type { SecuritySettings } from "../security-options.ts";

/** The engine's abilities; by default the oldest supported one, with AppArmor and without SELinux. */
export type AskedEngine = {
  readonly api?: string;
  readonly hasSelinux?: boolean;
  readonly hasApparmor?: boolean;
  readonly security?: Partial<SecuritySettings>;
  readonly imageUser?: string;
  /** The sandbox's files; see MountsOptions. */
  readonly podFiles?: Readonly<Record<string, string>>;
};

const usualSecurity: SecuritySettings = {
  unsetSeccompProfile: "unconfined",
  privilegedSeccompProfile: "unconfined",
  seccompProfile: "",
  seccompProfileRoot: "/",
  disableApparmor: false,
};
const lookUp = new HostPaths().of("pod");

/** The minor version, 44 in "1.44"; the major one is always the same. */
function minor(version: string): number {
  return Number(version.split(".")[1]);
}

/** The request that creates a container in a pod with an empty configuration. */
export async function containerBodyOf(
  config: Parameters<typeof ContainerConfig.fromPartial>[0],
  {
    api = "1.41",
    hasSelinux = false,
    hasApparmor = true,
    imageUser = "",
    podFiles = {},
    security = {},
  }: AskedEngine = {},
): Promise<NewContainer> {
  const pod = PodSandboxConfig.fromPartial({});
  const sandbox: FoundSandbox = {
    id: "sandbox",
    labels: { kind: "sandbox", name: "sandbox", config: pod, handler: "" },
    // None of these is read.
    details: {} as FoundSandbox["details"],
    view: {} as FoundSandbox["view"],
  };
  const labels = {
    name: "container",
    config: ContainerConfig.fromPartial(config),
    sandboxId: "sandbox",
    imageId: parseDigest(`sha256:${"0".repeat(64)}`),
    imageRef: "image",
    logPath: "",
  };
  const options = {
    client: { has: (version: string) => minor(version) <= minor(api) },
    hasSelinux,
    hasApparmor,
    hasCdi: minor(api) >= 44,
    cgroupDriver: "cgroupfs",
    security: { ...usualSecurity, ...security },
    imageUser,
    imageIdOf: () => `sha256:${"a".repeat(64)}`,
    imageUsers: async () => ({ passwd: "app:x:1000:1001::/:/bin/sh", group: "extra:x:2000:app" }),
    absentMountSourcesToReject: [],
    logBufferMib: 1,
    targetIdOf: (id: string) => id,
    defaultUlimits: [],
    pidsLimit: 0,
    logDriver: "json-file",
    minOomScoreAdj: -1000,
    podFiles,
  } as const;
  return await containerBody(sandbox, labels, options, lookUp);
}

/** The request that creates a sandbox with a CNI network. */
export async function sandboxBodyOf(
  config: Parameters<typeof PodSandboxConfig.fromPartial>[0],
): Promise<NewContainer> {
  const options = {
    image: "pause",
    handler: "",
    network: "cni",
    defaultSysctls: {},
    security: usualSecurity,
    cgroupDriver: "cgroupfs",
    hasSelinux: false,
    hasApparmor: true,
    hasCdi: false,
    minOomScoreAdj: -1000,
  } as const;
  return await sandboxBody(PodSandboxConfig.fromPartial(config), options, lookUp);
}
