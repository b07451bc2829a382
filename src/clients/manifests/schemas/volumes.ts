import { quantityValue } from "../../../ground/quantity/index.ts";
import { absolutePath, dnsLabel, pathBelow } from "../names.ts";
import { quantity } from "../quantity.ts";
import {
  boolean,
  checked,
  exactlyOne,
  filled,
  list,
  mapOf,
  object,
  oneOf,
  type Read,
  string,
  text,
} from "../schema.ts";
import { downwardItems, items, mode } from "./sources.ts";

const accessMode = oneOf("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod");

/** The specification of a claim for a volume that outlives pods. */
export const claimSpec = checked(
  object(
    {
      accessModes: filled(accessMode),
      resources: object({ requests: mapOf(quantity) }, { limits: mapOf(quantity) }),
    },
    { storageClassName: string, volumeMode: oneOf("Filesystem") },
    ["dataSource", "dataSourceRef", "selector", "volumeAttributesClassName", "volumeName"],
  ),
  ({ accessModes, resources }, place) => {
    if (new Set(accessModes).size > 1 && accessModes?.includes("ReadWriteOncePod"))
      place.at("accessModes").error("must have nothing but ReadWriteOncePod");
    const storage = resources?.requests?.storage;
    const at = place.at("resources", "requests", "storage");
    if (resources?.requests !== undefined && storage === undefined) at.error("is required");
    if (storage !== undefined && (quantityValue(storage) ?? 0) <= 0) at.error("must be more than 0");
  },
);

const projectedSource = checked(
  object(
    {},
    {
      configMap: object({ name: string }, { items, optional: boolean }),
      secret: object({ name: string }, { items, optional: boolean }),
      downwardAPI: object({}, { items: downwardItems }),
    },
  ),
  exactlyOne(["configMap", "secret", "downwardAPI"]),
);

const medium = text((value) =>
  ["", "Memory", "HugePages"].includes(value) || hugePageSize(value) !== undefined
    ? undefined
    : "must be Memory, HugePages or HugePages-SIZE such as HugePages-2Mi",
);

/** The page size in bytes of the medium `HugePages-SIZE`; undefined for other media. */
export function hugePageSize(medium: string): number | undefined {
  const [, size] = /^HugePages-(.+)$/.exec(medium) ?? [];
  const bytes = size === undefined ? undefined : quantityValue(size);
  return bytes !== undefined && bytes > 0 ? bytes : undefined;
}

const sources = {
  emptyDir: object({}, { medium, sizeLimit: quantity, mode }),
  hostPath: object(
    {
      path: checked(absolutePath, (path, place) => {
        if (path.split("/").includes("..")) place.error('must not have ".." in it');
      }),
    },
    {
      type: oneOf(
        "",
        "DirectoryOrCreate",
        "Directory",
        "FileOrCreate",
        "File",
        "Socket",
        "CharDevice",
        "BlockDevice",
      ),
    },
  ),
  configMap: object({ name: string }, { defaultMode: mode, items, optional: boolean }, ["defaultUser"]),
  secret: object({ secretName: string }, { defaultMode: mode, items, optional: boolean }, ["defaultUser"]),
  downwardAPI: object({}, { defaultMode: mode, items: downwardItems }, ["defaultUser"]),
  projected: object({}, { defaultMode: mode, sources: list(projectedSource) }, ["defaultUser"]),
  image: object({ reference: string }, { pullPolicy: oneOf("Always", "IfNotPresent", "Never") }),
  persistentVolumeClaim: object({ claimName: string }, { readOnly: boolean }),
  ephemeral: object({ volumeClaimTemplate: object({ spec: claimSpec }, {}, ["metadata"]) }, {}),
} as const;

/** Volumes of a pod. Sources that exist only in clusters are rejected. */
export const volume = checked(object({ name: dnsLabel }, sources), (value, place) => {
  const given = Object.keys(sources).filter((key) => key in value);
  if (given.length > 1) place.error(`has ${given.join(" and ")}, and may have one of them`);
  if (given.length === 0)
    place.error(`needs a source that works without a cluster: ${Object.keys(sources).join(", ")}`);
});
export type Volume = Read<typeof volume>;

export const volumeMount = checked(
  object(
    { name: string, mountPath: string },
    {
      readOnly: boolean,
      recursiveReadOnly: oneOf("Disabled", "IfPossible", "Enabled"),
      subPath: string,
      subPathExpr: string,
      mountPropagation: oneOf("None", "HostToContainer", "Bidirectional"),
    },
    ["bindMountOptions"],
  ),
  ({ mountPath, subPath, subPathExpr, readOnly, recursiveReadOnly }, place) => {
    if (!mountPath.startsWith("/")) place.at("mountPath").error("must be an absolute path");
    if (subPath !== undefined && subPathExpr !== undefined) place.error("has subPath and subPathExpr");
    for (const [key, path = ""] of Object.entries({ subPath, subPathExpr }))
      if (path !== "") pathBelow.read(path, place.at(key));
    if (recursiveReadOnly !== undefined && recursiveReadOnly !== "Disabled" && readOnly !== true)
      place.at("recursiveReadOnly").error("needs readOnly");
  },
);
export type VolumeMount = Read<typeof volumeMount>;
