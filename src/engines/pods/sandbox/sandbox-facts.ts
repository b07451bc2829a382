import { join } from "node:path";
import { findHandler, type HandlerTable, type SandboxFacts } from "../../../services/runtime/index.ts";
import { podHostname, sharesHostIpc, sharesHostNetwork } from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import { podIdMappings } from "./user-namespaces.ts";

/** A sandbox's paths, the holder of its shared PID namespace, and its handler's features. */
export type SandboxSurroundings = {
  readonly stateDir: string;
  readonly pauses: { pidNamespace(sandboxId: string): string | undefined };
  readonly handlers: HandlerTable;
};

/** What containers take from their sandbox. */
export function sandboxFacts(
  record: SandboxRecord,
  { stateDir, pauses, handlers }: SandboxSurroundings,
): SandboxFacts {
  const { id, config } = record;
  const paths = sandboxPaths(stateDir, id);
  const pin = (kind: string) => join(paths.namespaces, kind);
  const ownNetwork = !sharesHostNetwork(config);
  const idMappings = podIdMappings(config);
  const features = findHandler(handlers, record.resolvedHandler)?.features;
  const ownIpc = !sharesHostIpc(config);
  return {
    id,
    hostname: podHostname(config),
    namespaces: {
      network: ownNetwork ? pin("net") : undefined,
      ipc: ownIpc ? pin("ipc") : undefined,
      uts: ownNetwork ? pin("uts") : undefined,
      user: idMappings === undefined ? undefined : pin("user"),
      pid: pauses.pidNamespace(id),
    },
    idMappings,
    specHasIdMappings: features?.idMappingsInSpec ?? true,
    readOnlySysfsIsForAll: ownNetwork && idMappings === undefined && features?.readOnlySysfsForAll === true,
    files: {
      shm: ownIpc ? paths.shm : "/dev/shm",
      hosts: paths.hosts,
      hostname: paths.hostname,
      resolvConf: paths.resolvConf,
    },
  };
}
