import { systemClock } from "../../../ground/clock/index.ts";
import { keyOf, Manager, type ManagerOptions, titleOf } from "../../manager/index.ts";
import { KeptPods } from "./kept-pods.ts";

type Leftover = Pick<ManagerOptions, "client" | "dataDir" | "logRoot"> & { readonly endpoint: string };

/** Ends the pods of killed earlier plays, and removes everything that they have on the machine. */
export async function removeLeftPods(
  { endpoint, ...options }: Leftover,
  warn: (message: string) => void,
): Promise<void> {
  for (const left of await KeptPods.takeLeft(options.dataDir, endpoint)) {
    await using manager = await Manager.open({
      ...options,
      clock: systemClock,
      persistence: left.leftover,
      keepClaims: true,
      credentials: async () => undefined,
      onEvent: (key, { type, reason, message }) => {
        if (type === "Warning") warn(`${titleOf(key)}: ${reason}: ${message}`);
      },
    });
    for (const pod of manager.list())
      warn(`${titleOf(keyOf(pod))} was left by a killed \`berth play\`; removing it`);
    await manager.until(() => manager.list().length === 0);
    await left.forget();
  }
}
