import { isAbsolute, resolve } from "node:path";
import { Mount, MountPropagation } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";

const propagations: Readonly<Record<string, MountPropagation>> = {
  rprivate: MountPropagation.PROPAGATION_PRIVATE,
  rslave: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  rshared: MountPropagation.PROPAGATION_BIDIRECTIONAL,
};

/** `HOSTPATH:PATH[:OPTION,...]` with the options ro, rw, rprivate, rslave and rshared. Throws CliError. */
export function parseVolume(text: string): Mount {
  const [hostPath = "", containerPath = "", options = "", ...rest] = text.split(":");
  if (hostPath === "" || !isAbsolute(containerPath) || rest.length > 0) {
    throw usageError(`--volume ${JSON.stringify(text)} is not HOSTPATH:PATH[:OPTIONS] with an absolute PATH`);
  }
  const words = options === "" ? [] : options.split(",");
  const unknown = words.find((word) => word !== "ro" && word !== "rw" && !(word in propagations));
  if (unknown !== undefined)
    throw usageError(
      `--volume ${JSON.stringify(text)}: ${JSON.stringify(unknown)} is not one of ro, rw, rprivate, rslave, rshared`,
    );
  const propagation = words.map((word) => propagations[word]).find((value) => value !== undefined);
  return Mount.fromPartial({
    hostPath: resolve(hostPath),
    containerPath,
    readonly: words.includes("ro"),
    propagation: propagation ?? MountPropagation.PROPAGATION_PRIVATE,
  });
}
