import { isIPv4 } from "node:net";
import type { ManifestOf } from "../../manifests/index.ts";

type Spec = ManifestOf<"Service">["spec"];
export type IpFamily = "IPv4" | "IPv6";

/** The numbers of the kernel's rules. */
export const familyNumbers = { IPv4: 4, IPv6: 6 } as const;

export function familyOf(address: string): IpFamily {
  return isIPv4(address) ? "IPv4" : "IPv6";
}

/** The addresses that a service requests, in the order of its families. */
export function wishedAddresses({ clusterIP = "", clusterIPs = [clusterIP] }: Spec): readonly string[] {
  return clusterIPs.filter((one) => one !== "" && one !== "None");
}

/** The policy of a service, or Kubernetes' default. */
export function familyPolicy(spec: Spec): NonNullable<Spec["ipFamilyPolicy"]> {
  const { ipFamilyPolicy, ipFamilies = [], clusterIPs = [] } = spec;
  return (
    ipFamilyPolicy ??
    (Math.max(ipFamilies.length, clusterIPs.length) > 1 ? "RequireDualStack" : "SingleStack")
  );
}

/** The families that a service requests, its primary one first; by default IPv4. */
export function familiesOf(spec: Spec): readonly [IpFamily, ...IpFamily[]] {
  const [first = "IPv4"] = spec.ipFamilies ?? wishedAddresses(spec).map(familyOf);
  if (familyPolicy(spec) === "SingleStack") return [first];
  return [first, first === "IPv4" ? "IPv6" : "IPv4"];
}

/** The required families of a service that are not available. */
export function missingFamilies(spec: Spec, available: readonly number[]): readonly IpFamily[] {
  const [first, ...others] = familiesOf(spec);
  const needed = familyPolicy(spec) === "PreferDualStack" ? [first] : [first, ...others];
  return needed.filter((family) => !available.includes(familyNumbers[family]));
}
