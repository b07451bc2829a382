import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import type { ServiceOptions } from "./options.ts";

/** The version of containerd whose API this is; clients decide by it what to request. */
const containerdVersion = "v2.4.2";

/** The version that berth reports as a containerd. */
export function versionOf(version: string): string {
  return `${containerdVersion}+berth.${version}`;
}

type VersionHandlers = Handlers<typeof containerd.versionV1.VersionService, ContainerdCall>;

export function versionHandlers({ version }: ServiceOptions): VersionHandlers {
  return {
    version: () => ({ version: versionOf(version), revision: "" }),
  };
}
