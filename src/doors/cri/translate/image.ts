import type { Image } from "../../../engines/engine/index.ts";
import type * as cri from "../../../ground/protocol/index.ts";

export function toImage(image: Image): cri.Image {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
    ...toImageUser(image.config.config.user),
    spec: undefined,
    pinned: image.pinned,
  };
}

/**
 * The image's user, `user[:group]`, is a number or a name; a kubelet needs to know which for runAsNonRoot.
 */
function toImageUser(user: string): Pick<cri.Image, "uid" | "username"> {
  const [name = ""] = user.split(":");
  if (/^[0-9]{1,10}$/.test(name)) return { uid: { value: BigInt(name) }, username: "" };
  return { uid: undefined, username: name };
}

/**
 * What ImageStatus shows when verbose, as containerd does: `imageSpec` is the config in the form of OCI
 * image-spec 1.1, config.md.
 */
export function imageInfo(image: Image): Readonly<Record<string, unknown>> {
  const { config, diffIds, platform, created } = image.config;
  return {
    chainID: image.chainId ?? "",
    imageSpec: {
      created,
      ...platform,
      config: {
        User: config.user,
        ExposedPorts: toSet(config.exposedPorts),
        Env: config.env,
        Entrypoint: config.entrypoint,
        Cmd: config.cmd,
        Volumes: toSet(config.volumes),
        WorkingDir: config.workingDir,
        Labels: config.labels,
        StopSignal: config.stopSignal,
      },
      rootfs: { type: "layers", diff_ids: diffIds },
    },
    manifest: image.manifest,
    layers: image.layers,
  };
}

/** JSON has no sets; image configs write one as an object of empty objects. */
function toSet(items: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(items.map((item) => [item, {}]));
}
