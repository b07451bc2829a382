import type { Engine, EngineStatus } from "../../engines/engine/index.ts";
import { CgroupDriver, type RuntimeHandler } from "../../ground/protocol/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import { infoJson } from "./translate/info.ts";
import * as validate from "./validate/index.ts";

/** Version of the kubelet's runtime API that Version returns; all runtimes still return this. */
const kubeletApiVersion = "0.1.0";

/** Version, Status, RuntimeConfig, UpdateRuntimeConfig. */
export function versionStatusHandlers(
  engine: Engine,
  details: () => Promise<Readonly<Record<string, unknown>>>,
): RuntimeHandlers {
  return {
    version: () => {
      const { runtimeName, runtimeVersion } = engine.about;
      return { version: kubeletApiVersion, runtimeName, runtimeVersion, runtimeApiVersion: "v1" };
    },

    status: async ({ verbose }) => {
      const status = await engine.status();
      return {
        status: {
          conditions: status.conditions.map(({ ok, ...condition }) => ({ ...condition, status: ok })),
        },
        runtimeHandlers: status.handlers.map(toRuntimeHandler),
        features: {
          supplementalGroupsPolicy: true,
          userNamespacesHostNetwork: status.userNamespacesHostNetwork,
          mountOptions: status.mountOptions,
          cgroupMountMode: status.cgroupMountMode,
          seccompProfileOci: status.seccompProfiles,
        },
        info: verbose ? toInfo({ ...status.details, ...(await details()) }) : {},
      };
    },

    runtimeConfig: () => {
      const systemd = engine.about.cgroupDriver === "systemd";
      return { linux: { cgroupDriver: systemd ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS } };
    },

    updateRuntimeConfig: checked(validate.updateRuntimeConfig, async ({ runtimeConfig }) => {
      await engine.setPodCidr(runtimeConfig?.networkConfig?.podCidr ?? "");
      return {};
    }),
  };
}

function toRuntimeHandler(handler: EngineStatus["handlers"][number]): RuntimeHandler {
  return {
    name: handler.name,
    features: {
      recursiveReadOnlyMounts: handler.recursiveReadOnlyMounts,
      userNamespaces: handler.userNamespaces,
      cgroupNamespaces: handler.cgroupNamespaces,
    },
  };
}

function toInfo(details: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [key, infoJson(value)]));
}
