import { isRecord } from "../../../ground/json/index.ts";
import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import type { Sheet } from "./sheet.ts";

export const none = "<none>";

/** A member as text; "" if it is missing. */
export function textAt(object: unknown, ...path: readonly string[]): string {
  const value = memberAt(object, ...path);
  return value === undefined || value === null ? "" : String(value);
}

/** A line for a member, if there is one. */
export function lineIfSet(
  sheet: Sheet,
  level: number,
  title: string,
  object: unknown,
  ...path: readonly string[]
): void {
  const text = textAt(object, ...path);
  if (text !== "") sheet.line(level, `${title}:`, text);
}

export function entriesAt(
  object: unknown,
  ...path: readonly string[]
): readonly (readonly [string, string])[] {
  const value = memberAt(object, ...path);
  return isRecord(value) ? Object.entries(value).map(([key, one]) => [key, String(one)]) : [];
}

/** `app=web,tier=front`. */
export function pairsAt(object: unknown, ...path: readonly string[]): string {
  return (
    entriesAt(object, ...path)
      .map(([key, value]) => `${key}=${value}`)
      .join(",") || none
  );
}

/** Name, namespace, labels and annotations. */
export function describeMetadata(sheet: Sheet, object: unknown): void {
  sheet.line(0, "Name:", textAt(object, "metadata", "name"));
  lineIfSet(sheet, 0, "Namespace", object, "metadata", "namespace");
  describeLabels(sheet, 0, "Labels", object, "metadata", "labels");
  describeAnnotations(sheet, 0, object, "metadata", "annotations");
}

/** One below the other. */
export function describeLabels(
  sheet: Sheet,
  level: number,
  title: string,
  object: unknown,
  ...path: readonly string[]
): void {
  sheet.lines(level, `${title}:`, pairsAt(object, ...path).replaceAll(",", "\n"));
}

/** The annotation in which kubectl stores the whole object, including values of secrets. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export function describeAnnotations(
  sheet: Sheet,
  level: number,
  object: unknown,
  ...path: readonly string[]
): void {
  const shown = entriesAt(object, ...path).filter(([key]) => key !== lastApplied);
  const text = shown.map(([key, value]) => `${key}:${value.includes("\n") ? "\n" : ""} ${value}`).join("\n");
  sheet.lines(level, "Annotations:", text || none);
}

/** `ReplicaSet/web-5d4f`; "" for an object without a controller. */
export function controllerOf(object: unknown): string {
  const [owner] = itemsAt(object, "metadata", "ownerReferences");
  return owner === undefined ? "" : `${textAt(owner, "kind")}/${textAt(owner, "name")}`;
}

export function describeController(sheet: Sheet, object: unknown): void {
  const controller = controllerOf(object);
  if (controller !== "") sheet.line(0, "Controlled By:", controller);
}

/** The conditions of an object other than a pod, with their reasons. */
export function describeConditions(sheet: Sheet, object: unknown): void {
  const conditions = itemsAt(object, "status", "conditions");
  if (conditions.length === 0) return;
  sheet.line(0, "Conditions:");
  sheet.line(1, "Type", "Status", "Reason", "Message");
  sheet.line(1, "----", "------", "------", "-------");
  for (const one of conditions)
    sheet.line(1, ...["type", "status", "reason", "message"].map((key) => textAt(one, key)));
}
