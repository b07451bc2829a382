import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { itemsAt, listObjects, memberAt } from "../objects/manager-calls.ts";

const lookMs = 200;

/**
 * Waits until an ephemeral container has been started, and returns its id in the runtime. `onWaiting` is
 * called with the reason for the delay whenever that changes. Throws CliError NotFound if the pod is gone.
 */
export async function startedContainer(
  client: Client,
  {
    namespace,
    pod,
    container,
  }: { readonly namespace: string; readonly pod: string; readonly container: string },
  onWaiting: (reason: string, message: string) => Promise<void>,
  signal: AbortSignal,
): Promise<string> {
  let reported = "";
  for (;;) {
    const objects = await listObjects(client, { kind: "Pod", namespace });
    const found = objects.find(({ name }) => name === pod);
    if (found === undefined) throw new CliError("NotFound", `Pod ${namespace}/${pod} was removed`);
    const status = itemsAt(found.object, "status", "ephemeralContainerStatuses").find(
      (one) => memberAt(one, "name") === container,
    );
    const id = memberAt(status, "containerID");
    if (typeof id === "string") return id.slice(id.indexOf("://") + 3);
    const reason = String(memberAt(status, "state", "waiting", "reason") ?? "");
    const message = memberAt(status, "state", "waiting", "message");
    if (typeof message === "string" && `${reason} ${message}` !== reported) {
      reported = `${reason} ${message}`;
      await onWaiting(reason, message);
    }
    await delay(lookMs, undefined, { signal });
  }
}
