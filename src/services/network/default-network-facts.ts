import { messageOf } from "../../ground/errors/index.ts";
import { LinuxError, NetlinkSocket, nft } from "../../ground/linux/index.ts";
import { formatNetwork } from "./builtin/ip-address.ts";
import { usedPrefixes } from "./builtin/used-prefixes.ts";
import { keptSubnets } from "./default-network.ts";
import { conflictsOf } from "./default-subnets.ts";

/** What can be seen of the default network from outside the daemon. */
export type DefaultNetworkFacts = {
  /** Empty before it is first needed. */
  readonly subnets: readonly string[];
  /** Prefixes within them that other links have addresses in, or routes to. */
  readonly conflicts: readonly string[];
  /** Why this machine cannot have one; undefined if it can, or if this process may not check. */
  readonly obstacle: string | undefined;
};

/**
 * Inspects the default network whose subnets are stored in that directory; changes nothing. Throws
 * NetworkError DataLoss if the subnets cannot be read.
 */
export async function lookAtDefaultNetwork(directory: string, bridge: string): Promise<DefaultNetworkFacts> {
  const kept = await keptSubnets(directory);
  const subnets = kept === undefined ? [] : [kept.ipv4, kept.ipv6];
  using route = NetlinkSocket.open("route");
  const used = usedPrefixes(route, bridge);
  return {
    subnets: subnets.map(formatNetwork),
    conflicts: [...new Set(subnets.flatMap((subnet) => conflictsOf(used, subnet)).map(formatNetwork))],
    obstacle: obstacleOfKernel(),
  };
}

function obstacleOfKernel(): string | undefined {
  try {
    using rules = NetlinkSocket.open("netfilter");
    nft.generationOf(rules);
    return undefined;
  } catch (error) {
    const mayNotLook = error instanceof LinuxError && error.errno === "EPERM";
    return mayNotLook ? undefined : messageOf(error);
  }
}
