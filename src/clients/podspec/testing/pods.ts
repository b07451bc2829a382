import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { type Manifest, type ManifestOf, readManifests } from "../../manifests/index.ts";
import {
  containerConfig,
  type ImageUser,
  type Pod,
  type PodContext,
  preparePod,
  refreshVolumes,
  removePodFiles,
  sandboxConfig,
} from "../index.ts";
import { podDirectory } from "../paths.ts";

export type PodOptions = {
  readonly uid?: string;
  readonly beside?: { readonly dir: string };
  readonly imageUser?: ImageUser;
};

/** A pod from a manifest, with the objects to which it refers, in a directory of its own. */
export async function podOf(
  spec: object,
  objects: readonly object[] = [],
  { uid = "uid-of-web", beside, imageUser }: PodOptions = {},
) {
  const dir =
    beside === undefined ? await tempDir() : { path: beside.dir, [Symbol.asyncDispose]: async () => {} };
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", labels: { app: "web" }, annotations: { note: "a b" } },
    spec: { containers: [{ name: "main", image: "busybox" }], ...spec },
  };
  const [read] = manifestsOf([manifest]);
  let others = manifestsOf(objects);
  if (read?.kind !== "Pod") throw new Error("the first manifest is a pod's");
  const pod: Pod = { metadata: { ...read.metadata, uid }, spec: read.spec, startTimeNs: 0n };
  const claim = join(dir.path, "claims", "data");
  await mkdir(claim, { recursive: true });
  const context: PodContext = {
    podsDir: join(dir.path, "pods"),
    usersDir: join(dir.path, "users"),
    logRoot: join(dir.path, "logs"),
    allocatable: { cpu: 4, memory: 2 ** 33, "ephemeral-storage": 2 ** 40 },
    hostIps: ["192.0.2.1", "2001:db8::1"],
    clusterDns: async () => [],
    objects: {
      services: () =>
        others.filter(isService).map(({ metadata: { name }, spec: { clusterIP = "", ports = [] } }) => ({
          name,
          address: clusterIP,
          ports,
        })),
      configMap: (_, name) => others.filter(isConfigMap).find(({ metadata }) => metadata.name === name),
      secret: (_, name) => others.filter(isSecret).find(({ metadata }) => metadata.name === name),
      claimDirectory: async (_, name) => (name === "data" ? claim : undefined),
    },
  };
  await preparePod(pod, context);
  const sandbox = (): Promise<PodSandboxConfig> => sandboxConfig(pod, 0, context, "/pods/web");
  const container = async (): Promise<ContainerConfig> => {
    const [first] = pod.spec.containers;
    if (first === undefined) throw new Error("the pod has a container");
    return await containerConfig({
      pod,
      context,
      container: first,
      attempt: 2,
      imageId: "sha256:image",
      ...(imageUser === undefined ? {} : { imageUser }),
      sandbox: await sandbox(),
      podIps: ["10.88.0.5", "fd00::5"],
      machine: { bytes: 2 ** 33, hugePageSizes: [2 ** 21], swap: "alone" },
    });
  };
  return {
    sandbox,
    container,
    dir: dir.path,
    claim,
    remove: () => removePodFiles(pod, context),
    /** Gives it other objects to refer to, and updates its volumes. */
    refresh: async (changed: readonly object[]) => {
      others = manifestsOf(changed);
      return await refreshVolumes({ pod, podIps: [], context });
    },
    volumesDir: join(podDirectory(context, pod), "volumes"),
    [Symbol.asyncDispose]: async () => {
      // Secrets are on a tmpfs, which must be unmounted.
      await removePodFiles(pod, context);
      await dir[Symbol.asyncDispose]();
    },
  };
}

function manifestsOf(objects: readonly object[]): readonly Manifest[] {
  const items = objects.map((object) => ({ apiVersion: "v1", ...object }));
  const text = JSON.stringify({ kind: "List", items });
  return readManifests([{ file: "pod.yaml", text }], { namespace: "shop" }).manifests;
}

/** The configuration of a pod's only container. */
export async function containerOf(
  container: object,
  spec: object = {},
  objects: readonly object[] = [],
  options: PodOptions = {},
): Promise<ContainerConfig> {
  const containers = [{ name: "main", image: "busybox", ...container }];
  await using pod = await podOf({ ...spec, containers }, objects, options);
  return await pod.container();
}

/** The configuration of a pod's sandbox. */
export async function sandboxOf(spec: object): Promise<PodSandboxConfig> {
  await using pod = await podOf(spec);
  return await pod.sandbox();
}

const isConfigMap = (one: Manifest): one is ManifestOf<"ConfigMap"> => one.kind === "ConfigMap";
const isService = (one: Manifest): one is ManifestOf<"Service"> => one.kind === "Service";
const isSecret = (one: Manifest): one is ManifestOf<"Secret"> => one.kind === "Secret";
