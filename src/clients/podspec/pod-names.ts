import { PodSpecError } from "./errors.ts";
import { type Pod, podTitle } from "./pod.ts";

/** The domain of the names of pods and services. */
export const clusterDomain = "cluster.local";

/** The kernel's maximum length of a host name. */
const maxHostnameLength = 64;

/** A pod's host name and domain; "" for a pod without a domain. */
export type PodNames = { readonly host: string; readonly domain: string };

export function podNames({ metadata, spec }: Pod): PodNames {
  if (spec.hostnameOverride !== undefined) return { host: cutName(spec.hostnameOverride), domain: "" };
  const { subdomain } = spec;
  const domain = subdomain === undefined ? "" : `${subdomain}.${metadata.namespace}.svc.${clusterDomain}`;
  return { host: spec.hostname ?? cutName(metadata.name), domain };
}

/**
 * The host name for its UTS namespace; "" with the host's network. Throws PodSpecError for one that is too
 * long.
 */
export function kernelHostname(pod: Pod): string {
  if (pod.spec.hostNetwork === true) return "";
  const { host, domain } = podNames(pod);
  if (pod.spec.setHostnameAsFQDN !== true || domain === "") return host;
  const whole = `${host}.${domain}`;
  if (whole.length <= maxHostnameLength) return whole;
  throw new PodSpecError(
    "InvalidArgument",
    `pod ${podTitle(pod)} has setHostnameAsFQDN, and ${whole} is longer than ${maxHostnameLength} characters`,
  );
}

/** Truncates a name to the length of a host name, as a kubelet does. */
function cutName(whole: string): string {
  let name = whole.slice(0, 63);
  while (name.endsWith("-") || name.endsWith(".")) name = name.slice(0, -1);
  return name;
}
