import type { EngineStatus } from "../engine/index.ts";
import type { DockerServices } from "./docker-services.ts";

/** The engine's status: whether pods can run now, and its features. */
export async function dockerStatus(
  { mirror, network, settings, info, client }: DockerServices,
  configuration: unknown,
): Promise<EngineStatus> {
  const { away } = mirror;
  const answered = away === undefined ? await info() : undefined;
  const networkStatus = settings.network === "bridge" ? { kind: "ready" as const } : network.status();
  const runtimes = Object.keys(answered?.Runtimes ?? {});
  const features = {
    recursiveReadOnlyMounts: client.has("1.44"),
    // Docker's user namespace is the same for all containers, instead of one per pod.
    userNamespaces: false,
    cgroupNamespaces: answered?.CgroupVersion === "2",
  };
  return {
    conditions: [
      away === undefined
        ? { type: "RuntimeReady", ok: true, reason: "", message: "" }
        : { type: "RuntimeReady", ok: false, reason: "DockerUnavailable", message: away },
      networkStatus.kind === "ready"
        ? { type: "NetworkReady", ok: true, reason: "", message: "" }
        : { type: "NetworkReady", ok: false, reason: networkStatus.reason, message: networkStatus.message },
    ],
    handlers: ["", ...runtimes].map((name) => ({ name, ...features })),
    mountOptions: false,
    cgroupMountMode: false,
    seccompProfiles: false,
    userNamespacesHostNetwork: false,
    details: {
      config: configuration,
      docker: answered ?? { unavailable: away },
      // containerd's name for it, which scripts read.
      lastCNILoadStatus: networkStatus.kind === "ready" ? "OK" : networkStatus.message,
    },
  };
}
