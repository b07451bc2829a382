import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import type { Sheet } from "./sheet.ts";
import { describeMetadata, entriesAt, lineIfSet, none, pairsAt, textAt } from "./values.ts";

/** `all` are objects among which the service's pods are. */
export function describeService(sheet: Sheet, service: unknown, all: readonly unknown[]): void {
  const spec = memberAt(service, "spec");
  describeMetadata(sheet, service);
  sheet.line(0, "Selector:", pairsAt(spec, "selector"));
  sheet.line(0, "Type:", textAt(spec, "type") || "ClusterIP");
  lineIfSet(sheet, 0, "IP Family Policy", spec, "ipFamilyPolicy");
  lineIfSet(sheet, 0, "IP Families", spec, "ipFamilies");
  sheet.line(0, "IP:", textAt(spec, "clusterIP"));
  sheet.line(0, "IPs:", textAt(spec, "clusterIPs") || none);
  lineIfSet(sheet, 0, "External Name", spec, "externalName");
  const pods = podsOf(service, all);
  for (const port of itemsAt(spec, "ports")) {
    const protocol = textAt(port, "protocol") || "TCP";
    const target = textAt(port, "targetPort") || textAt(port, "port");
    sheet.line(0, "Port:", textAt(port, "name") || "<unset>", `${textAt(port, "port")}/${protocol}`);
    sheet.line(0, "TargetPort:", `${target}/${protocol}`);
    const nodePort = textAt(port, "nodePort");
    if (nodePort !== "")
      sheet.line(0, "NodePort:", textAt(port, "name") || "<unset>", `${nodePort}/${protocol}`);
    sheet.line(0, "Endpoints:", pods.flatMap((pod) => endpointsOf(pod, target)).join(",") || none);
  }
  sheet.line(0, "Session Affinity:", textAt(spec, "sessionAffinity") || "None");
}

/** The pods that a service selects and that are ready, or all if it publishes others too. */
function podsOf(service: unknown, all: readonly unknown[]): readonly unknown[] {
  const selector = entriesAt(service, "spec", "selector");
  if (selector.length === 0) return [];
  const namespace = textAt(service, "metadata", "namespace");
  const always = memberAt(service, "spec", "publishNotReadyAddresses") === true;
  return all.filter(
    (one) =>
      textAt(one, "kind") === "Pod" &&
      textAt(one, "metadata", "namespace") === namespace &&
      selector.every(([key, value]) => memberAt(one, "metadata", "labels", key) === value) &&
      (always || isReady(one)),
  );
}

function isReady(pod: unknown): boolean {
  return itemsAt(pod, "status", "conditions").some(
    (one) => textAt(one, "type") === "Ready" && textAt(one, "status") === "True",
  );
}

/** `10.88.0.5:80`; none for a named port that the pod does not have. */
function endpointsOf(pod: unknown, target: string): readonly string[] {
  const ip = textAt(pod, "status", "podIP");
  const containers = [...itemsAt(pod, "spec", "initContainers"), ...itemsAt(pod, "spec", "containers")];
  const named = containers
    .flatMap((container) => itemsAt(container, "ports"))
    .find((port) => textAt(port, "name") === target);
  const number = /^\d+$/.test(target) ? target : textAt(named, "containerPort");
  if (ip === "" || number === "") return [];
  return [`${ip.includes(":") ? `[${ip}]` : ip}:${number}`];
}
