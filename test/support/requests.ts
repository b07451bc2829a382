import { ContainerConfig, NamespaceMode, PodSandboxConfig } from "../../src/ground/protocol/index.ts";

type DeepPartial<M extends { fromPartial: (value: never) => unknown }> = Parameters<M["fromPartial"]>[0];

/**
 * A pod request like a kubelet's: own network, own PID namespace for each container. Override what the test
 * is about.
 */
export function podConfig(
  name: string,
  overrides: DeepPartial<typeof PodSandboxConfig> = {},
): PodSandboxConfig {
  return PodSandboxConfig.fromPartial({
    metadata: { name, namespace: "default", uid: `uid-${name}`, attempt: 0 },
    hostname: name,
    ...overrides,
    linux: {
      ...overrides.linux,
      securityContext: {
        namespaceOptions: {
          network: NamespaceMode.POD,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
        },
        ...overrides.linux?.securityContext,
      },
    },
  });
}

/** A container that runs a shell script in an image. */
export function shellConfig(
  name: string,
  image: string,
  script: string,
  overrides: DeepPartial<typeof ContainerConfig> = {},
): ContainerConfig {
  return ContainerConfig.fromPartial({
    metadata: { name, attempt: 0 },
    image: { image },
    command: ["/bin/sh", "-c", script],
    logPath: `${name}.log`,
    ...overrides,
  });
}
