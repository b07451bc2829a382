import { CliError } from "../errors.ts";
import type { PodOfObject } from "../objects/container-of.ts";
import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import { portNamed } from "../objects/pods.ts";

/**
 * The port of the pod to which a port is forwarded, as with kubectl: the target of a service's port, which
 * may be the name of a container's port; for a headless service, for other objects, and for a pod of its own,
 * the port itself. Throws CliError: NotFound, InvalidArgument for a port that is not TCP.
 */
export function targetPort(port: number, found: PodOfObject | undefined): number {
  if (found?.object.kind !== "Service") return port;
  const { object: service, pod } = found;
  const named = itemsAt(service.object, "spec", "ports").filter((one) => memberAt(one, "port") === port);
  const own = named.find((one) => protocolOf(one) === "TCP");
  if (named[0] !== undefined && own === undefined)
    throw new CliError(
      "InvalidArgument",
      `port ${port} of Service ${service.name} is ${protocolOf(named[0])}, and only TCP can be forwarded`,
    );
  if (own === undefined) throw new CliError("NotFound", `Service ${service.name} has no port ${port}`);
  if (memberAt(service.object, "spec", "clusterIP") === "None") return port;
  const target = memberAt(own, "targetPort") ?? port;
  if (typeof target === "number") return target;
  const targeted = portNamed(pod.object, target);
  if (targeted !== undefined) return targeted;
  throw new CliError("NotFound", `pod ${pod.name} has no port named ${JSON.stringify(target)}`);
}

function protocolOf(port: unknown): unknown {
  return memberAt(port, "protocol") ?? "TCP";
}
