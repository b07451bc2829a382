import type { ServiceNetwork } from "../../servicenet/index.ts";
import { familyNumbers, familyOf, missingFamilies, wishedAddresses } from "./ip-families.ts";
import type { ServiceStatus, StoredService } from "./service-addresses.ts";

/** A request of a service that is not met. */
export type AddressProblem = {
  readonly reason: "ClusterIPOutOfRange" | "IPFamilyNotAvailable";
  readonly message: string;
};

/** Why a service has other addresses than it requests. */
export function addressProblems(
  { manifest: { spec } }: StoredService,
  { clusterIPs }: ServiceStatus,
  { families, subnets }: Pick<ServiceNetwork, "families" | "subnets">,
): readonly AddressProblem[] {
  if (clusterIPs === undefined) return [];
  const missing = missingFamilies(spec, families);
  return [
    ...missing.map((family) => ({
      reason: "IPFamilyNotAvailable" as const,
      message: `the service requests an ${family} address, and this machine has no ${family}`,
    })),
    ...wishedAddresses(spec)
      .filter((one) => !clusterIPs.includes(one) && !missing.includes(familyOf(one)))
      .map((one) => {
        const family = familyOf(one);
        const subnet = subnets[families.indexOf(familyNumbers[family])];
        const given = clusterIPs.find((each) => familyOf(each) === family);
        return {
          reason: "ClusterIPOutOfRange" as const,
          message: `clusterIP ${one} is not available: the service subnet is ${subnet}; the service has ${given}`,
        };
      }),
  ];
}
