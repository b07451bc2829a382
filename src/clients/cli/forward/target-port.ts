import { CliError } from "../errors.ts";
import type { PodOfObject } from "../objects/container-of.ts";
import { itemsAt, memberAt } from "../objects/manager-calls.ts";

/**
 * The port of the pod to which a port is forwarded: the target of a service's port, which may be the name of
 * a container's port; for other objects, and for a pod of its own, the port itself. Throws CliError NotFound.
 */
export function targetPort(port: number, found: PodOfObject | undefined): number {
  if (found?.object.kind !== "Service") return port;
  const { object: service, pod } = found;
  const own = itemsAt(service.object, "spec", "ports").find((one) => memberAt(one, "port") === port);
  if (own === undefined) throw new CliError("NotFound", `Service ${service.name} has no port ${port}`);
  const target = memberAt(own, "targetPort") ?? port;
  if (typeof target === "number") return target;
  const named = itemsAt(pod.object, "spec", "containers")
    .flatMap((container) => itemsAt(container, "ports"))
    .map((one) => (memberAt(one, "name") === target ? memberAt(one, "containerPort") : undefined))
    .find((one) => typeof one === "number");
  if (named !== undefined) return named;
  throw new CliError("NotFound", `pod ${pod.name} has no port named ${JSON.stringify(target)}`);
}
