import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Config } from "../../../ground/config/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import {
  DockerClient,
  type DockerInfo,
  type DockerTls,
  parseDockerHost,
} from "../../../parts/dockerapi/index.ts";
import { type Check, type Finding, fail, hint, ok, warn } from "../check.ts";

const timeoutMs = 10_000;
/** Where kubeadm writes it. */
const kubeletFile = "/var/lib/kubelet/config.yaml";
/** Docker's storage drivers that are slow, or have been unmaintained for years. */
const poorDrivers = /^(?:vfs|aufs|devicemapper|overlay)$/;

/** With engine.name = "docker": can its Docker Engine run pods, and does the kubelet agree with it? */
export const dockerCheck: Check = {
  name: "docker",
  async run({ config }, signal) {
    if (config.engine.name !== "docker") return [];
    const title = "Docker Engine";
    const { host } = config.docker;
    try {
      using client = new DockerClient({ endpoint: parseDockerHost(host), tls: await tlsOf(config.docker) });
      const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const { Version, agreed } = await client.agree(ending);
      const info = await client.info(ending);
      return [
        ok(title, `${Version}, API ${agreed}`),
        ...dockerFindings(info, await kubeletDriver(kubeletFile)),
      ];
    } catch (error) {
      const remedy = "start dockerd, and set docker.host (and docker.tls) to its address";
      return [fail(title, `${host}: ${messageOf(error)}`, remedy)];
    }
  },
};

type EngineInfo = Pick<DockerInfo, "CgroupDriver" | "CgroupVersion" | "Driver" | "LiveRestoreEnabled">;

/** Findings from Docker's `/info`; `kubelet` is the cgroup driver in the kubelet's configuration. */
export function dockerFindings(
  { CgroupDriver, CgroupVersion, Driver, LiveRestoreEnabled }: EngineInfo,
  kubelet: string | undefined,
): readonly Finding[] {
  return [
    cgroupFinding(CgroupDriver, CgroupVersion, kubelet),
    poorDrivers.test(Driver)
      ? warn(
          "Docker storage driver",
          `${Driver}, which is slow or no longer maintained`,
          'set "storage-driver": "overlay2" in /etc/docker/daemon.json; images must then be pulled again',
        )
      : ok("Docker storage driver", Driver),
    LiveRestoreEnabled
      ? ok("Docker live-restore", "containers keep running while dockerd is down")
      : hint(
          "Docker live-restore",
          "off: all pods stop when dockerd stops or is updated",
          'set "live-restore": true in /etc/docker/daemon.json, and reload dockerd',
        ),
  ];
}

function cgroupFinding(driver: string, version: string, kubelet: string | undefined): Finding {
  const title = "Docker cgroup driver";
  if (driver === "none")
    return fail(
      title,
      "none: a rootless engine cannot set limits of pods",
      "use an engine that runs as root",
    );
  if (kubelet === undefined || kubelet === driver)
    return ok(
      title,
      `${driver}, cgroup version ${version}${kubelet === undefined ? "" : ", as the kubelet's"}`,
    );
  return warn(
    title,
    `${driver}, and the kubelet's is ${kubelet}: kubelets before 1.28 create pods' cgroups where Docker does not look`,
    `set cgroupDriver: ${driver} in ${kubeletFile}, or "exec-opts": ["native.cgroupdriver=${kubelet}"] in /etc/docker/daemon.json`,
  );
}

/** Undefined if there is no kubelet, or its file has no readable cgroup driver. */
export async function kubeletDriver(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const document = parsed(text);
  if (typeof document !== "object" || document === null || !("cgroupDriver" in document)) return undefined;
  return typeof document.cgroupDriver === "string" ? document.cgroupDriver : undefined;
}

/** Ignores errors: the kubelet itself reports an invalid file. */
function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

async function tlsOf({ tls }: Config["docker"]): Promise<DockerTls | undefined> {
  if (tls.ca === "" || tls.cert === "" || tls.key === "") return undefined;
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((path) => readFile(path, "utf8")),
  );
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
}
