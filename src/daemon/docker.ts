import { join } from "node:path";
import type { BerthServiceOptions } from "../doors/berth/index.ts";
import { DockerEngine } from "../engines/docker/index.ts";
import { type Config, ConfigError } from "../ground/config/index.ts";
import { BerthError } from "../ground/errors/index.ts";
import type { HostPaths } from "../ground/hostpaths/index.ts";
import type { Logger } from "../ground/logging/index.ts";
import { berthVersion } from "../ground/version/index.ts";
import { type DockerTls, parseDockerHost } from "../parts/dockerapi/index.ts";
import { CniNetwork, instanceNames } from "../services/network/index.ts";
import { readHostFacts } from "../services/runtime/index.ts";
import { readPem } from "./streaming.ts";

/** The engine over a Docker Engine; of berth's own services it uses only the network. Throws ConfigError. */
export async function openDockerEngine(
  config: Config,
  logger: Logger,
  hostPaths: HostPaths,
  rooms: AsyncDisposableStack,
  observer?: (step: string) => void,
): Promise<DockerEngine> {
  const { docker, container, security, sandbox, images, stats } = config;
  const endpoint = parseDockerHost(docker.host);
  const tls = await readTls(docker.tls, endpoint.kind === "tcp");
  const { confTemplate, ipPref, ...cni } = config.network;
  const directory = join(config.root, "docker");
  const network = rooms.use(
    await CniNetwork.open(
      {
        ...cni,
        ipPreference: ipPref,
        // Not the native engine's directory: that would take these pods for lost ones of its own.
        cacheDir: join(directory, "network"),
        defaultDir: join(directory, "default-network"),
        names: instanceNames(directory),
        ...(confTemplate === "" ? {} : { confTemplate }),
      },
      logger,
    ),
  );
  return rooms.use(
    await DockerEngine.open({
      endpoint,
      tls,
      network,
      hostPaths,
      logger,
      settings: {
        network: docker.network,
        logBufferMib: docker.logBufferMib,
        defaultSysctls: sandbox.defaultSysctls,
        defaultUlimits: container.defaultUlimits,
        pidsLimit: container.pidsLimit,
        absentMountSourcesToReject: container.absentMountSourcesToReject,
        security,
        minOomScoreAdj: (await readHostFacts()).minOomScoreAdj,
      },
      stateDir: config.state,
      pauseProgram: sandbox.pauseProgram,
      sandboxImage: docker.sandboxImage,
      pinnedImages: images.pinned,
      pullProgressTimeoutMs: images.pullProgressTimeoutMs,
      layerPeriodMs: stats.writableLayerPeriodMs,
      ownedLogBytes: container.runLogLimitMib * 2 ** 20,
      version: berthVersion,
      configuration: config,
      ...(observer !== undefined && { observer }),
    }),
  );
}

async function readTls(
  { ca, cert, key }: Config["docker"]["tls"],
  needed: boolean,
): Promise<DockerTls | undefined> {
  if (!needed) return undefined;
  if (ca === "" || cert === "" || key === "") {
    throw new ConfigError(
      "InvalidArgument",
      "docker.host: a tcp:// host needs docker.tls.ca, cert and key: anyone who can connect to a Docker Engine has the power of root",
    );
  }
  return {
    ca: await readPem("docker.tls.ca", ca),
    cert: await readPem("docker.tls.cert", cert),
    key: await readPem("docker.tls.key", key),
  };
}

class DockerRefusal extends BerthError {}

function refuse(what: string, instead: string): () => never {
  return () => {
    throw new DockerRefusal(
      "Unimplemented",
      `${what} is not supported with the Docker engine; use ${instead}`,
    );
  };
}

/** Calls that would need berth's own storage. */
export const withoutStorage: Pick<BerthServiceOptions, "files" | "mounts"> = {
  files: {
    diff: refuse("berth image diff", "docker image history"),
    commit: refuse("berth commit", "docker commit"),
    export: refuse("berth export", "docker export"),
    import: refuse("berth import", "docker import"),
  },
  mounts: {
    list: () => [],
    mount: refuse("berth image mount", "docker create and docker cp"),
    unmount: refuse("berth image unmount", "docker create and docker cp"),
  },
};
