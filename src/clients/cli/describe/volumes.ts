import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import type { Sheet } from "./sheet.ts";
import { textAt } from "./values.ts";

type Line = readonly [title: string, text: string];

/** The volumes of a specification of pods; `level` is that of the title. */
export function describeVolumes(sheet: Sheet, level: number, volumes: readonly unknown[]): void {
  sheet.list(level, "Volumes:", volumes, (volume) => {
    sheet.line(level + 1, `${textAt(volume, "name")}:`);
    for (const [title, text] of linesOf(volume)) sheet.line(level + 2, `${title}:`, text);
  });
}

function linesOf(volume: unknown): readonly Line[] {
  const [key, describe] = Object.entries(kinds).find(([key]) => memberAt(volume, key) !== undefined) ?? [];
  if (key === undefined || describe === undefined) return [["Type", "<unknown>"]];
  return describe(memberAt(volume, key));
}

const optional = (source: unknown): Line => ["Optional", String(memberAt(source, "optional") === true)];

const kinds: Readonly<Record<string, (source: unknown) => readonly Line[]>> = {
  hostPath: (source) => [
    ["Type", "HostPath (bare host directory volume)"],
    ["Path", textAt(source, "path")],
    ["HostPathType", textAt(source, "type")],
  ],
  emptyDir: (source) => [
    ["Type", "EmptyDir (a temporary directory that shares a pod's lifetime)"],
    ["Medium", textAt(source, "medium")],
    ["SizeLimit", textAt(source, "sizeLimit") || "<unset>"],
  ],
  secret: (source) => [
    ["Type", "Secret (a volume populated by a Secret)"],
    ["SecretName", textAt(source, "secretName")],
    optional(source),
  ],
  configMap: (source) => [
    ["Type", "ConfigMap (a volume populated by a ConfigMap)"],
    ["Name", textAt(source, "name")],
    optional(source),
  ],
  persistentVolumeClaim: (source) => [
    ["Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"],
    ["ClaimName", textAt(source, "claimName")],
    ["ReadOnly", String(memberAt(source, "readOnly") === true)],
  ],
  ephemeral: (source) => [
    [
      "Type",
      "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
    ],
    ["StorageClass", textAt(source, "volumeClaimTemplate", "spec", "storageClassName")],
    ["Capacity", textAt(source, "volumeClaimTemplate", "spec", "resources", "requests", "storage")],
  ],
  downwardAPI: (source) => [
    ["Type", "DownwardAPI (a volume populated by information about the pod)"],
    ...itemsAt(source, "items").map(
      (item): Line => [
        "Item",
        `${textAt(item, "fieldRef", "fieldPath") || textAt(item, "resourceFieldRef", "resource")} -> ${textAt(item, "path")}`,
      ],
    ),
  ],
  projected: (source) => [
    ["Type", "Projected (a volume that contains injected data from multiple sources)"],
    ...itemsAt(source, "sources").flatMap(projectedLines),
  ],
  image: (source) => [
    ["Type", "Image (a container image or OCI artifact)"],
    ["Reference", textAt(source, "reference")],
    ["PullPolicy", textAt(source, "pullPolicy")],
  ],
};

function projectedLines(source: unknown): readonly Line[] {
  const secret = memberAt(source, "secret");
  if (secret !== undefined) return [["SecretName", textAt(secret, "name")], optional(secret)];
  const map = memberAt(source, "configMap");
  if (map !== undefined) return [["ConfigMapName", textAt(map, "name")], optional(map)];
  return memberAt(source, "downwardAPI") === undefined ? [] : [["DownwardAPI", "true"]];
}
