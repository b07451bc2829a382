import { isIP } from "node:net";
import {
  type DNSConfig,
  type LinuxPodSandboxConfig,
  type PodSandboxConfig,
  type PodSandboxMetadata,
  type PortMapping,
  Protocol,
} from "../../../ground/protocol/index.ts";
import {
  all,
  between,
  type Check,
  each,
  ifPresent,
  message,
  noWindows,
  oneOf,
  present,
  refuse,
} from "./check.ts";
import { linuxResources } from "./resources.ts";
import { sandboxSecurityContext } from "./security.ts";
import {
  annotations,
  cgroupParent,
  hostname,
  hostPath,
  labels,
  line,
  map,
  name,
  orEmpty,
  sysctlName,
  sysctlValue,
  word,
} from "./text.ts";

const port = between(0, 65_535);

const ipAddress: Check<string> = (value, path) => {
  if (isIP(value) === 0) refuse(path, "must be an IP address");
};

const portMapping = all(
  message<PortMapping>({
    protocol: oneOf(Protocol),
    containerPort: port,
    hostPort: port,
    hostIp: orEmpty(ipAddress),
  }),
  (value, path) => {
    if (value.hostPort !== 0 && value.containerPort === 0) {
      refuse(`${path}.container_port`, "must not be 0 when host_port is given");
    }
  },
);

/**
 * These become lines and words of resolv.conf. Kubernetes does not limit options, and allows several words in
 * one.
 */
const dnsConfig = message<DNSConfig>({
  servers: each(word(255)),
  searches: each(word(255)),
  options: each(line(4096)),
});

/** Only Kubernetes has uids. */
const metadata = message<PodSandboxMetadata>({ name, uid: orEmpty(name), namespace: name });

const linux = message<LinuxPodSandboxConfig>({
  cgroupParent,
  securityContext: sandboxSecurityContext,
  sysctls: map(sysctlName, sysctlValue, 64 * 1024),
  overhead: linuxResources,
  resources: linuxResources,
});

export const podSandboxConfig: Check<PodSandboxConfig | undefined> = present(
  message<PodSandboxConfig>({
    metadata: present(metadata),
    hostname: orEmpty(hostname),
    logDirectory: orEmpty(hostPath),
    dnsConfig: ifPresent(dnsConfig),
    portMappings: each(portMapping),
    labels,
    annotations,
    linux: ifPresent(linux),
    windows: noWindows,
  }),
);
