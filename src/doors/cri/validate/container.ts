import { posix } from "node:path";
import {
  type CDIDevice,
  type ContainerConfig,
  type ContainerMetadata,
  type Device,
  type ImageSpec,
  type KeyValue,
  type LinuxContainerConfig,
  type Mount,
  MountPropagation,
  Signal,
} from "../../../ground/protocol/index.ts";
import { all, type Check, each, ifPresent, message, noWindows, oneOf, present, refuse } from "./check.ts";
import { idMappings } from "./id-mappings.ts";
import { linuxResources } from "./resources.ts";
import { containerSecurityContext } from "./security.ts";
import {
  annotations,
  containerPath,
  hostPath,
  hostSource,
  labels,
  line,
  logPath,
  matching,
  name,
  nonEmpty,
  orEmpty,
  relativePath,
  word,
} from "./text.ts";

/**
 * A reference, digest or id; references have at most 512 characters (those of a long host, repository and
 * digest).
 */
const imageName = word(1024);

const imageSpecFields = message<ImageSpec>({
  image: imageName,
  userSpecifiedImage: line(1024),
  imageRef: imageName,
  runtimeHandler: line(256),
  annotations,
});

/** For filters: all fields are optional. */
export const imageFilterSpec: Check<ImageSpec | undefined> = ifPresent(imageSpecFields);

/** A required image. */
export const imageSpec: Check<ImageSpec | undefined> = present(
  all(message<ImageSpec>({ image: nonEmpty(imageName) }), imageSpecFields),
);

const environment: Check<KeyValue> = (entry, path) => {
  if (entry.key === "" || entry.key.includes("=")) refuse(`${path}.key`, 'must not be empty or contain "="');
  if (entry.value.includes(0)) refuse(`${path}.value`, "must not contain a NUL character");
};

/** KEP-5855: the only options. Others would be specific to file systems, or repeat fields. */
const mountOptions: Check<readonly string[]> = all(
  each(matching(/^(?:noexec|nodev|nosuid)$/, "one of noexec, nodev and nosuid")),
  (options, path) => {
    if (new Set(options).size < options.length) refuse(path, "must not have a duplicate option");
  },
);

/** An image_sub_path is ignored: kubelets set it for all volumes if the pod has an image volume. */
const hostMount: Check<Mount> = ({ hostPath }, path) => {
  if (hostPath === "") refuse(`${path}.host_path`, "must not be empty");
};

/** KEP-4639: images are read-only. */
const imageMount: Check<Mount> = ({ hostPath, readonly, propagation }, path) => {
  if (hostPath !== "") refuse(`${path}.host_path`, "must be empty, as image is set");
  if (!readonly) refuse(`${path}.readonly`, "must be set for a mount of an image");
  if (propagation !== MountPropagation.PROPAGATION_PRIVATE)
    refuse(`${path}.propagation`, "must be PROPAGATION_PRIVATE for a mount of an image");
};

/** OCI runtimes fail there, with messages that do not tell why. */
const notRoot: Check<string> = (value, path) => {
  if (posix.resolve(value) === "/")
    refuse(path, "must not be the container's root: nothing can be mounted there");
};

const mount = all(
  message<Mount>({
    containerPath: all(containerPath, notRoot),
    hostPath: orEmpty(hostSource),
    propagation: oneOf(MountPropagation),
    image: ifPresent(imageSpec),
    imageSubPath: relativePath,
    uidMappings: idMappings,
    gidMappings: idMappings,
    mountOptions,
  }),
  (value, path) => {
    if (value.image === undefined) hostMount(value, path);
    else imageMount(value, path);
    if ((value.uidMappings.length === 0) !== (value.gidMappings.length === 0)) {
      refuse(path, "must have both uidMappings and gidMappings, or neither");
    }
    if (value.recursiveReadOnly && !value.readonly) refuse(`${path}.recursive_read_only`, "needs readonly");
    if (value.recursiveReadOnly && value.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
      refuse(`${path}.recursive_read_only`, "needs PROPAGATION_PRIVATE");
    }
  },
);

const device = message<Device>({
  // Empty means the same path as on the host.
  containerPath: orEmpty(containerPath),
  hostPath,
  permissions: matching(/^[rwm]{0,3}$/, "a combination of r, w and m"),
});

const linux = message<LinuxContainerConfig>({
  resources: linuxResources,
  securityContext: containerSecurityContext,
});

export const containerConfig: Check<ContainerConfig | undefined> = present(
  message<ContainerConfig>({
    metadata: present(message<ContainerMetadata>({ name })),
    image: imageSpec,
    workingDir: orEmpty(containerPath),
    envs: each(environment),
    mounts: each(mount),
    devices: each(device),
    CDIDevices: each(message<CDIDevice>({ name: nonEmpty(word(1024)) })),
    labels,
    annotations,
    logPath,
    linux: ifPresent(linux),
    windows: noWindows,
    stopSignal: oneOf(Signal),
  }),
);
