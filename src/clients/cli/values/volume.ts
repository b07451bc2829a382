import { isAbsolute, resolve } from "node:path";
import type { VolumeMount } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

/** A path on the machine and how it is mounted into a container. */
export type MountedPath = {
  readonly hostPath: string;
  readonly mount: Omit<VolumeMount, "name">;
};

const propagations: ReadonlyMap<string, NonNullable<VolumeMount["mountPropagation"]>> = new Map([
  ["rprivate", "None"],
  ["rslave", "HostToContainer"],
  ["rshared", "Bidirectional"],
]);

/**
 * Parses `HOSTPATH:PATH[:OPTION,...]` with the options ro, rw, rprivate, rslave and rshared. Throws CliError.
 */
export function parseVolume(text: string): MountedPath {
  const [hostPath = "", mountPath = "", options = "", ...rest] = text.split(":");
  if (hostPath === "" || !isAbsolute(mountPath) || rest.length > 0) {
    throw usageError(`--volume ${JSON.stringify(text)} is not HOSTPATH:PATH[:OPTIONS] with an absolute PATH`);
  }
  if (!/^\.{0,2}(?:\/|$)/.test(hostPath)) {
    throw usageError(
      `--volume ${JSON.stringify(text)}: there are no volumes with names; for a directory here, write ./${hostPath}`,
    );
  }
  const words = options === "" ? [] : options.split(",");
  const unknown = words.find((word) => word !== "ro" && word !== "rw" && !propagations.has(word));
  if (unknown !== undefined)
    throw usageError(
      `--volume ${JSON.stringify(text)}: ${JSON.stringify(unknown)} is not one of ro, rw, rprivate, rslave, rshared`,
    );
  const mountPropagation = words.map((word) => propagations.get(word)).find((value) => value !== undefined);
  return {
    hostPath: resolve(hostPath),
    mount: {
      mountPath,
      ...(words.includes("ro") ? { readOnly: true } : {}),
      ...(mountPropagation === undefined ? {} : { mountPropagation }),
    },
  };
}
