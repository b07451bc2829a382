import { cgroupsAreDelegated } from "../../ground/linux/index.ts";
import type { NetworkStatus } from "../../services/network/index.ts";
import { findHandler, type HandlerTable } from "../../services/runtime/index.ts";
import type { EngineStatus } from "../engine/index.ts";
import type { Extensions } from "./extensions/extensions.ts";
import type { PodEngineOptions } from "./pod-engine-options.ts";
import type { UnreadableRecord } from "./records/record-store.ts";

/** Whether pods can run now, and with which features. */
export async function engineStatus(
  options: PodEngineOptions,
  extensions: Extensions,
  unreadableRecords: readonly UnreadableRecord[],
): Promise<EngineStatus> {
  const { network, handlers, database, snapshotter, stateDir, criu } = options;
  const networkStatus = network.status();
  return {
    conditions: [runtimeCondition(handlers, database.trouble()), networkCondition(networkStatus)],
    handlers: criHandlers(handlers),
    // What the pod does not have of its own is then bind-mounted from the host, with every handler.
    userNamespacesHostNetwork: handlers.handlers.some(
      ({ usability, features }) => usability.kind === "usable" && features.userNamespaces,
    ),
    mountOptions: true,
    cgroupMountMode:
      handlers.handlers.some(
        ({ usability, features }) => usability.kind === "usable" && features.cgroupNamespaces,
      ) && (await cgroupsAreDelegated(options.host.cgroups)),
    seccompProfiles: options.host.seccomp,
    details: {
      config: options.configuration,
      stateDir,
      snapshotter: snapshotter.name,
      runtimes: {
        default: handlers.defaultName,
        explanation: handlers.explanation,
        handlers: Object.fromEntries(handlers.handlers.map((handler) => [handler.name, handler])),
      },
      criu,
      extensions: extensions.describe(),
      unreadableRecords,
      // containerd's name, which scripts use.
      lastCNILoadStatus: networkStatus.kind === "ready" ? "OK" : networkStatus.message,
    },
  };
}

function runtimeCondition(
  handlers: HandlerTable,
  trouble: string | undefined,
): EngineStatus["conditions"][number] {
  if (trouble !== undefined)
    return { type: "RuntimeReady", ok: false, reason: "MetadataNotWritable", message: trouble };
  const usability = findHandler(handlers, "")?.usability;
  if (usability?.kind === "usable") return { type: "RuntimeReady", ok: true, reason: "", message: "" };
  const message =
    usability === undefined
      ? `runtime handler ${JSON.stringify(handlers.defaultName)} not found`
      : `runtime handler ${handlers.defaultName}: ${usability.reason}; ${usability.remedy}`;
  return { type: "RuntimeReady", ok: false, reason: "NoUsableRuntime", message };
}

function networkCondition(status: NetworkStatus): EngineStatus["conditions"][number] {
  if (status.kind === "ready") return { type: "NetworkReady", ok: true, reason: "", message: "" };
  return { type: "NetworkReady", ok: false, reason: status.reason, message: status.message };
}

/** The usable handlers; the default also appears as "", which pods without a RuntimeClass request. */
function criHandlers(table: HandlerTable): EngineStatus["handlers"] {
  const usable = table.handlers.filter((handler) => handler.usability.kind === "usable");
  const named = usable.map(({ name, features }) => ({ name, ...features }));
  const standard = usable.find(({ name }) => name === table.defaultName);
  return standard === undefined ? named : [{ name: "", ...standard.features }, ...named];
}
