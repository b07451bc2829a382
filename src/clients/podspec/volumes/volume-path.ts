import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { exists } from "../../../ground/fs/index.ts";
import type { Volume } from "../../manifests/index.ts";
import { PodSpecError } from "../errors.ts";
import { podDirectory } from "../paths.ts";
import { emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { objectVolumeOrLast } from "./object-volume.ts";
import { giveToGroup } from "./owned-by-group.ts";
import type { VolumeSource } from "./volume-files.ts";

/** The claim of a pod's volume; the name of the pod's own claim combines both names. */
export function claimNameOf(volume: Volume, pod: string): string | undefined {
  if (volume.ephemeral !== undefined) return `${pod}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

/** Gives a claim to the fsGroup, if there is one, once for each pod. */
async function ownedClaim(
  directory: string,
  { name, persistentVolumeClaim }: Volume,
  { pod, context }: VolumeSource,
): Promise<string> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined || persistentVolumeClaim?.readOnly === true) return directory;
  const done = join(podDirectory(context, pod), "volume-groups", name);
  if (await exists(done)) return directory;
  await giveToGroup(directory, fsGroup, fsGroupChangePolicy === "OnRootMismatch");
  await makeDirectories(dirname(done), 0o750);
  await writeFile(done, "", { mode: 0o600 });
  return directory;
}

/** Returns the path of a volume on the machine, and creates it if necessary. Throws PodSpecError. */
export async function volumePath(volume: Volume, request: VolumeSource): Promise<string> {
  const { pod, context } = request;
  if (volume.hostPath !== undefined) return await hostPath(volume.hostPath);
  if (volume.emptyDir !== undefined) return await emptyDir(volume, pod, context);
  const { namespace, name } = pod.metadata;
  const claim = claimNameOf(volume, name);
  if (claim !== undefined) {
    const directory = await context.objects.claimDirectory(namespace, claim);
    if (directory !== undefined) return await ownedClaim(directory, volume, request);
    throw new PodSpecError("NotFound", `PersistentVolumeClaim ${namespace}/${claim} not found`);
  }
  const directory = await objectVolumeOrLast(volume, request);
  if (directory !== undefined) return directory;
  const [kind = "of no kind"] = Object.keys(volume).filter((key) => key !== "name");
  throw new PodSpecError("Unimplemented", `volume ${volume.name}: ${kind} is not supported yet`);
}
