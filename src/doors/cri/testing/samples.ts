import type { Container, Image, Sandbox } from "../../../engines/engine/index.ts";
import {
  ContainerConfig,
  NamespaceMode,
  NamespaceOption,
  PodSandboxConfig,
} from "../../../ground/protocol/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";

/** Values that pass every check; a test changes what it tests. */

export function podSandboxConfig(
  changes: Parameters<typeof PodSandboxConfig.fromPartial>[0] = {},
): PodSandboxConfig {
  return PodSandboxConfig.fromPartial({
    metadata: { name: "web", uid: "c0ffee00-0000-4000-8000-000000000000", namespace: "default" },
    ...changes,
  });
}

export function containerConfig(
  changes: Parameters<typeof ContainerConfig.fromPartial>[0] = {},
): ContainerConfig {
  return ContainerConfig.fromPartial({
    metadata: { name: "app", attempt: 0 },
    image: { image: "busybox" },
    ...changes,
  });
}

/** 64 hex digits that begin with `prefix`. */
export function id(prefix: string): string {
  return prefix.padEnd(64, "0");
}

export function sandbox(changes: Partial<Sandbox> = {}): Sandbox {
  return {
    id: id("5a"),
    config: podSandboxConfig(),
    handler: "",
    createdAtNs: 1_700_000_000_000_000_001n,
    state: "ready",
    ips: ["10.88.0.2"],
    namespaces: NamespaceOption.fromPartial({ pid: NamespaceMode.CONTAINER }),
    ...changes,
  };
}

export const imageId = parseDigest(`sha256:${"1a".repeat(32)}`);

export function container(changes: Partial<Container> = {}): Container {
  return {
    id: id("c0"),
    sandboxId: id("5a"),
    config: containerConfig(),
    imageId,
    imageRef: `docker.io/library/busybox@sha256:${"2b".repeat(32)}`,
    createdAtNs: 1_700_000_000_000_000_002n,
    state: { kind: "created" },
    logPath: "",
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: 15,
    resources: undefined,
    imageVolumes: [],
    ...changes,
  };
}

export function image(changes: Partial<Image> = {}): Image {
  const manifestDigest = parseDigest(`sha256:${"2b".repeat(32)}`);
  return {
    id: imageId,
    repoTags: ["docker.io/library/busybox:latest"],
    repoDigests: [`docker.io/library/busybox@${manifestDigest}`],
    sizeBytes: 2_000_000,
    config: {
      platform: { os: "linux", architecture: "amd64" },
      config: {
        user: "",
        exposedPorts: [],
        env: ["PATH=/bin"],
        entrypoint: [],
        cmd: ["sh"],
        volumes: [],
        workingDir: "",
        labels: {},
        stopSignal: "",
      },
      diffIds: [],
    },
    manifest: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: manifestDigest, size: 500 },
    layers: [],
    chainId: undefined,
    pinned: false,
    checkpoint: false,
    ...changes,
  };
}
