import { chmod, chown } from "node:fs/promises";
import { join, relative } from "node:path";
import { hostIdOf, type IdMapping, type IdMappings } from "../../../ground/linux/index.ts";
import { NamespaceMode, type PodSandboxConfig, type UserNamespace } from "../../../ground/protocol/index.ts";
import { EngineError } from "../../engine/index.ts";
import { namespaceOptions } from "../../podnetwork/index.ts";

/** The id mappings of the pod's own user namespace; undefined if it uses the host's. */
export function podIdMappings(config: PodSandboxConfig): IdMappings | undefined {
  return idMappings(namespaceOptions(config).usernsOptions);
}

/** The host's user and group of the pod's root. */
export function podRoot(config: PodSandboxConfig): { readonly uid: number; readonly gid: number } {
  const mappings = podIdMappings(config);
  if (mappings === undefined) return { uid: 0, gid: 0 };
  const [uid, gid] = [hostIdOf(mappings.uids, 0), hostIdOf(mappings.gids, 0)];
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  throw new EngineError("InvalidArgument", "userns_options: root (container_id 0) must be mapped");
}

/** Checks that a container requests its pod's user namespace, or none. Throws EngineError InvalidArgument. */
export function checkSameUserNamespace(pod: PodSandboxConfig, container: UserNamespace | undefined): void {
  if (container === undefined) return;
  if (sameIdMappings(podIdMappings(pod), idMappings(container))) return;
  throw new EngineError(
    "InvalidArgument",
    "linux.security_context.namespace_options.userns_options: must equal those of the pod sandbox, whose user namespace the container joins",
  );
}

export function sameIdMappings(a: IdMappings | undefined, b: IdMappings | undefined): boolean {
  const text = (list: readonly IdMapping[] = []) =>
    list
      .map(({ containerId, hostId, length }) => `${containerId}:${hostId}:${length}`)
      .sort()
      .join();
  return text(a?.uids) === text(b?.uids) && text(a?.gids) === text(b?.gids);
}

/**
 * Lets the pod's root, an unprivileged user of the host, reach paths in `directory`, one of the pod's own in
 * the state directory: an OCI runtime mounts its root file system as that user. It cannot list directories on
 * the way, and nobody else can traverse the pod's own.
 */
export async function letPodRootTraverse(
  directory: string,
  stateDir: string,
  config: PodSandboxConfig,
): Promise<void> {
  if (podIdMappings(config) === undefined) return;
  const [common = "", ...own] = relative(stateDir, directory).split("/");
  await chmod(join(stateDir, common), 0o711);
  for (const depth of own.keys()) {
    const path = join(stateDir, common, ...own.slice(0, depth + 1));
    await chown(path, 0, podRoot(config).gid);
    await chmod(path, 0o710);
  }
}

function idMappings(options: UserNamespace | undefined): IdMappings | undefined {
  if (options === undefined || options.mode !== NamespaceMode.POD) return undefined;
  return { uids: options.uids, gids: options.gids };
}
