import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import type { Sheet } from "./sheet.ts";
import { shortDuration } from "./times.ts";
import { describeMetadata, entriesAt, lineIfSet, none, textAt } from "./values.ts";

export function describeConfigMap(sheet: Sheet, map: unknown): void {
  describeMetadata(sheet, map);
  describeTitle(sheet, "Data");
  for (const [key, value] of entriesAt(map, "data")) {
    sheet.line(0, `${key}:`);
    sheet.line(0, "----");
    for (const line of value.split("\n")) sheet.line(0, line);
    sheet.line(0);
  }
  describeTitle(sheet, "BinaryData");
  for (const [key, value] of entriesAt(map, "binaryData"))
    sheet.line(0, `${key}: ${Buffer.from(value, "base64").length} bytes`);
}

/** Without the values. */
export function describeSecret(sheet: Sheet, secret: unknown): void {
  describeMetadata(sheet, secret);
  sheet.line(0);
  sheet.line(0, "Type:", textAt(secret, "type") || "Opaque");
  describeTitle(sheet, "Data");
  const values = new Map([
    ...entriesAt(secret, "data").map(([key, value]) => [key, Buffer.from(value, "base64").length] as const),
    ...entriesAt(secret, "stringData").map(([key, value]) => [key, Buffer.byteLength(value)] as const),
  ]);
  for (const key of [...values.keys()].sort()) sheet.line(0, `${key}:`, `${values.get(key)} bytes`);
}

function describeTitle(sheet: Sheet, title: string): void {
  sheet.line(0);
  sheet.line(0, title);
  sheet.line(0, "====");
}

/** `all` are objects among which the pods are that use the claim. */
export function describeClaim(sheet: Sheet, claim: unknown, all: readonly unknown[], nowMs: number): void {
  describeMetadata(sheet, claim);
  sheet.line(0, "StorageClass:", textAt(claim, "spec", "storageClassName"));
  const deletion = textAt(claim, "metadata", "deletionTimestamp");
  const lasts = shortDuration(nowMs - Date.parse(deletion));
  sheet.line(
    0,
    "Status:",
    deletion === "" ? textAt(claim, "status", "phase") : `Terminating (lasts ${lasts})`,
  );
  sheet.line(0, "Capacity:", textAt(claim, "status", "capacity", "storage"));
  sheet.line(0, "Access Modes:", textAt(claim, "status", "accessModes"));
  lineIfSet(sheet, 0, "VolumeMode", claim, "spec", "volumeMode");
  const users = all.filter((one) => uses(one, claim)).map((pod) => textAt(pod, "metadata", "name"));
  sheet.lines(0, "Used By:", users.join("\n") || none);
}

/** Whether an object is a pod with a claim. */
function uses(pod: unknown, claim: unknown): boolean {
  if (textAt(pod, "kind") !== "Pod") return false;
  if (textAt(pod, "metadata", "namespace") !== textAt(claim, "metadata", "namespace")) return false;
  const name = textAt(claim, "metadata", "name");
  return itemsAt(pod, "spec", "volumes").some((volume) => {
    if (memberAt(volume, "ephemeral") !== undefined)
      return `${textAt(pod, "metadata", "name")}-${textAt(volume, "name")}` === name;
    return textAt(volume, "persistentVolumeClaim", "claimName") === name;
  });
}

export function describeNamespace(sheet: Sheet, namespace: unknown, isDeleting: boolean): void {
  describeMetadata(sheet, namespace);
  sheet.line(0, "Status:", isDeleting ? "Terminating" : "Active");
}
