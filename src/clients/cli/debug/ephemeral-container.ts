import { randomBytes } from "node:crypto";
import type { EphemeralContainer } from "../../manifests/index.ts";
import type { Io } from "../invocation.ts";
import type { InteractiveOptions } from "../streams/options.ts";
import { parseEnv } from "../values/key-values.ts";

export const debugProfiles = ["general", "baseline", "restricted", "netadmin", "sysadmin"] as const;

export type DebugContainerOptions = InteractiveOptions & {
  readonly image: string;
  readonly target?: string;
  readonly container?: string;
  readonly env?: readonly string[];
  readonly imagePullPolicy?: NonNullable<EphemeralContainer["imagePullPolicy"]>;
  readonly profile?: (typeof debugProfiles)[number];
};

/**
 * The security contexts that kubectl's profiles give to an ephemeral container
 * (k8s.io/kubectl/pkg/cmd/debug).
 */
const securityContexts: Readonly<
  Record<(typeof debugProfiles)[number], EphemeralContainer["securityContext"]>
> = {
  general: { capabilities: { add: ["SYS_PTRACE"] } },
  baseline: undefined,
  restricted: {
    runAsNonRoot: true,
    capabilities: { drop: ["ALL"] },
    allowPrivilegeEscalation: false,
    seccompProfile: { type: "RuntimeDefault" },
  },
  netadmin: { capabilities: { add: ["NET_ADMIN", "NET_RAW"] } },
  sysadmin: { privileged: true },
};

/** The container that `berth debug` adds to a pod. Throws CliError. */
export function ephemeralContainer(
  {
    image,
    target,
    container,
    env = [],
    imagePullPolicy,
    profile = "general",
    stdin,
    tty,
  }: DebugContainerOptions,
  args: readonly string[],
  environment: Io["env"],
): EphemeralContainer {
  const securityContext = securityContexts[profile];
  return {
    name: container ?? `debugger-${randomBytes(3).toString("hex")}`,
    image,
    ...(target === undefined ? {} : { targetContainerName: target }),
    ...(args.length === 0 ? {} : { command: args }),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    ...(securityContext === undefined ? {} : { securityContext }),
    env: parseEnv(env, environment),
    stdin: stdin ?? false,
    // Its input ends with ours, unless somebody may attach again.
    stdinOnce: stdin === true && tty !== true,
    tty: tty ?? false,
  };
}
