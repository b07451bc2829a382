import { type Mount, MountPropagation } from "../../../ground/protocol/index.ts";
import type { Volume, VolumeMount } from "../../manifests/index.ts";

const propagations: Readonly<Record<number, "HostToContainer" | "Bidirectional">> = {
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: "HostToContainer",
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: "Bidirectional",
};

/** Volumes of a pod, derived from the mounts of its containers. */
export class FoundVolumes {
  readonly #podUid: string;
  readonly #byPath = new Map<string, Volume>();
  /** Messages about what cannot be derived. */
  readonly notes: string[] = [];

  constructor(podUid: string) {
    this.#podUid = podUid;
  }

  get volumes(): readonly Volume[] {
    return [...this.#byPath.values()];
  }

  /** The volume mount; undefined for mounts that whoever runs the pod adds by itself. */
  mountOf(mount: Mount): VolumeMount | undefined {
    const volume = this.#volumeOf(mount);
    if (volume === undefined) return undefined;
    const mountPropagation = propagations[mount.propagation];
    return {
      name: volume.name,
      mountPath: mount.containerPath,
      ...(mount.readonly && volume.image === undefined ? { readOnly: true } : {}),
      ...(mount.imageSubPath === "" ? {} : { subPath: mount.imageSubPath }),
      ...(mountPropagation === undefined ? {} : { mountPropagation }),
    };
  }

  #volumeOf({ image, hostPath, containerPath }: Mount): Volume | undefined {
    if (image !== undefined && image.image !== "") {
      const reference = image.userSpecifiedImage || image.image;
      return this.#kept(reference, (name) => ({ name, image: { reference } }));
    }
    const [, own] = hostPath.split(`/${this.#podUid}/`);
    if (own === undefined || this.#podUid === "")
      return this.#kept(hostPath, (name) => ({ name, hostPath: { path: hostPath } }));
    // Paths below the pod's own directory, which kubelets and berth's manager lay out in the same way.
    const [directory, plugin, name = ""] = own.split("/");
    if (directory !== "volumes") return undefined;
    if (plugin === "kubernetes.io~empty-dir") return this.#kept(hostPath, () => ({ name, emptyDir: {} }));
    this.notes.push(`the volume ${name} at ${containerPath} is left out: its source is not known`);
    return undefined;
  }

  #kept(path: string, make: (name: string) => Volume): Volume {
    const volume = this.#byPath.get(path) ?? make(`volume-${this.#byPath.size + 1}`);
    this.#byPath.set(path, volume);
    return volume;
  }
}
