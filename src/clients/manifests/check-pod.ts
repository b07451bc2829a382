import { checkPodResources, checkResources } from "./check-resources.ts";
import type { Place } from "./place.ts";
import type { Container, EphemeralContainer } from "./schemas/container.ts";
import type { PodSpec } from "./schemas/pod-spec.ts";

/** Fields that are parsed and have no effect. */
const withoutEffect = ["ephemeralContainers"] as const;

/** Checks relations between the fields of a pod, except its mounts. */
export function checkPodSpec(spec: PodSpec, place: Place): void {
  for (const field of withoutEffect)
    if (spec[field] !== undefined) place.at(field).warn("has no effect here");
  checkNames(spec, place);
  checkResources(spec.resources ?? {}, place.at("resources"));
  checkPodResources(spec, place);
  checkHostPorts(spec, place);
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  if (volumes.size < (spec.volumes ?? []).length) place.at("volumes").error("two volumes have the same name");
  for (const [container, at] of allContainers(spec, place)) {
    checkRules(container, at);
    checkResources(container.resources ?? {}, at.at("resources"));
    checkPrivileges(container, at.at("securityContext"));
    checkPropagation(container, at);
    checkPorts(spec, container, at);
    checkProbes(container, at);
    checkSleeps(spec, container, at);
    checkFileKeys(spec, container, at);
  }
  for (const [index, container] of (spec.initContainers ?? []).entries())
    checkInitContainer(container, place.at("initContainers", index));
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries())
    checkEphemeralContainer(container, spec, place.at("ephemeralContainers", index));
  for (const [index, { restartPolicy, restartPolicyRules }] of spec.containers.entries())
    if (restartPolicyRules !== undefined && restartPolicy === undefined)
      place.at("containers", index, "restartPolicyRules").error("needs a restartPolicy of the container");
  if (spec.hostnameOverride !== undefined)
    for (const key of ["hostNetwork", "setHostnameAsFQDN"] as const)
      if (spec[key] === true) place.at("hostnameOverride").error(`cannot be set together with ${key}`);
  for (const key of ["hostNetwork", "hostPID", "hostIPC"] as const)
    if (spec[key] === true && spec.hostUsers === false)
      place.at("hostUsers").error(`a pod with a user namespace cannot have ${key}`);
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    place.at("shareProcessNamespace").error("cannot be set together with hostPID");
  if (spec.dnsPolicy === "None" && (spec.dnsConfig?.nameservers ?? []).length === 0)
    place.at("dnsConfig", "nameservers").error("dnsPolicy None needs at least one");
}

/** Reports mounts of volumes that are neither in the pod nor in `besides`. */
export function checkMounts(spec: PodSpec, place: Place, besides: readonly string[] = []): void {
  const volumes = new Set([...(spec.volumes ?? []).map(({ name }) => name), ...besides]);
  for (const [container, at] of allContainers(spec, place))
    for (const [index, { name }] of (container.volumeMounts ?? []).entries())
      if (!volumes.has(name)) at.at("volumeMounts", index, "name").error(`no volume ${JSON.stringify(name)}`);
}

/** A container that is root anyway cannot be kept from gaining privileges. */
function checkPrivileges({ securityContext = {} }: Container, place: Place): void {
  const { allowPrivilegeEscalation, privileged, capabilities } = securityContext;
  if (allowPrivilegeEscalation !== false) return;
  const isAdmin = (capabilities?.add ?? []).some((name) => /^(CAP_)?SYS_ADMIN$/.test(name));
  if (privileged === true || isAdmin)
    place
      .at("allowPrivilegeEscalation")
      .error(`cannot be false with ${privileged === true ? "privileged" : "CAP_SYS_ADMIN"}`);
}

/** A mount that propagates to the machine is equivalent to root on it. */
function checkPropagation({ volumeMounts = [], securityContext }: Container, place: Place): void {
  for (const [index, { mountPropagation }] of volumeMounts.entries())
    if (mountPropagation === "Bidirectional" && securityContext?.privileged !== true)
      place.at("volumeMounts", index, "mountPropagation").error("Bidirectional needs a privileged container");
}

function allContainers(spec: PodSpec, place: Place): readonly (readonly [Container, Place])[] {
  const of = (key: "initContainers" | "containers" | "ephemeralContainers") =>
    (spec[key] ?? []).map((one, index) => [one, place.at(key, index)] as const);
  return [...of("initContainers"), ...of("containers"), ...of("ephemeralContainers")];
}

function checkNames(spec: PodSpec, place: Place): void {
  const seen = new Set<string>();
  for (const [{ name }, at] of allContainers(spec, place)) {
    if (seen.has(name)) at.at("name").error(`two containers are named ${JSON.stringify(name)}`);
    seen.add(name);
  }
}

/** Only a sidecar, which keeps running beside the others, can have probes and hooks. */
function checkInitContainer(container: Container, place: Place): void {
  if (container.restartPolicy === "Always") return;
  for (const key of ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const)
    if (container[key] !== undefined)
      place.at(key).error("is only for init containers with restartPolicy Always");
}

/** An ephemeral container is not part of the pod's own work, so some fields are not allowed. */
function checkEphemeralContainer(
  container: EphemeralContainer,
  { containers, initContainers = [] }: PodSpec,
  place: Place,
): void {
  for (const key of notEphemeral)
    if (container[key] !== undefined) place.at(key).error("is not for ephemeral containers");
  const { targetContainerName: target } = container;
  if (target !== undefined && ![...containers, ...initContainers].some(({ name }) => name === target))
    place.at("targetContainerName").error(`no container ${JSON.stringify(target)}`);
}

const notEphemeral = [
  "ports",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
  "resources",
  "restartPolicy",
  "restartPolicyRules",
] as const;

function checkRules({ restartPolicyRules = [] }: Container, place: Place): void {
  if (restartPolicyRules.length > 20) place.at("restartPolicyRules").error("has more than 20 rules");
  for (const [index, { exitCodes }] of restartPolicyRules.entries())
    if (exitCodes === undefined) place.at("restartPolicyRules", index, "exitCodes").error("is required");
}

function checkPorts({ hostNetwork }: PodSpec, { ports = [] }: Container, place: Place): void {
  for (const [index, { hostPort, containerPort }] of ports.entries())
    if (hostNetwork === true && hostPort !== undefined && hostPort !== containerPort)
      place.at("ports", index, "hostPort").error("must be the containerPort with hostNetwork");
}

/** A pod can have each host port only once; init containers have theirs before the others. */
function checkHostPorts({ containers }: PodSpec, place: Place): void {
  const seen = new Set<string>();
  for (const [index, { ports = [] }] of containers.entries())
    for (const [number, { hostPort, hostIP = "", protocol = "TCP" }] of ports.entries()) {
      if (hostPort === undefined) continue;
      const text = `${hostIP === "" ? "" : `${hostIP}:`}${hostPort}/${protocol}`;
      if (seen.has(text))
        place.at("containers", index, "ports", number, "hostPort").error(`${text} is a duplicate`);
      seen.add(text);
    }
}

function checkProbes(container: Container, place: Place): void {
  for (const key of ["livenessProbe", "startupProbe"] as const)
    if ((container[key]?.successThreshold ?? 1) !== 1) place.at(key, "successThreshold").error("must be 1");
  if (container.readinessProbe?.terminationGracePeriodSeconds !== undefined)
    place
      .at("readinessProbe", "terminationGracePeriodSeconds")
      .error("must not be set: a readinessProbe ends nothing");
}

/** A hook cannot take longer than the pod's grace period. */
function checkSleeps(
  { terminationGracePeriodSeconds = 30 }: PodSpec,
  { lifecycle }: Container,
  place: Place,
) {
  for (const key of ["postStart", "preStop"] as const)
    if ((lifecycle?.[key]?.sleep?.seconds ?? 0) > terminationGracePeriodSeconds)
      place
        .at("lifecycle", key, "sleep", "seconds")
        .error(`must not be more than terminationGracePeriodSeconds, ${terminationGracePeriodSeconds}`);
}

function checkFileKeys({ volumes = [] }: PodSpec, { env = [] }: Container, place: Place): void {
  for (const [index, { valueFrom }] of env.entries()) {
    const name = valueFrom?.fileKeyRef?.volumeName;
    if (name !== undefined && !volumes.some((one) => one.name === name && one.emptyDir !== undefined))
      place
        .at("env", index, "valueFrom", "fileKeyRef", "volumeName")
        .error(`there is no emptyDir ${JSON.stringify(name)}`);
  }
}
