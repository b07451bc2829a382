import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import { isReady, isSelectedBy, portNamed } from "../objects/pods.ts";
import type { Sheet } from "./sheet.ts";
import { describeMetadata, lineIfSet, none, pairsAt, textAt } from "./values.ts";

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
  const always = memberAt(service, "spec", "publishNotReadyAddresses") === true;
  return all.filter((one) => isSelectedBy(service, one) && (always || isReady(one)));
}

/** `10.88.0.5:80`; none for a named port that the pod does not have. */
function endpointsOf(pod: unknown, target: string): readonly string[] {
  const ip = textAt(pod, "status", "podIP");
  const number = /^\d+$/.test(target) ? target : portNamed(pod, target);
  if (ip === "" || number === undefined) return [];
  return [`${ip.includes(":") ? `[${ip}]` : ip}:${number}`];
}
