import type { JsonNode } from "../oci/index.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

export function isKnownVersion(version: string): boolean {
  return versions.includes(version);
}

/** The version with which the newest of what a spec uses came; see the table in SPEC.md. */
export function requiredVersion(root: JsonNode): string {
  const devices = root.at("devices").list();
  const edits = [root, ...devices].map((node) => node.at("containerEdits")).filter((node) => !node.absent);
  const has = (...keys: readonly string[]) => edits.some((node) => keys.some((key) => !node.at(key).absent));
  const rdt = edits.map((node) => node.at("intelRdt")).filter((node) => !node.absent);
  const newRdt = rdt.some((node) => !node.at("schemata").absent || !node.at("enableMonitoring").absent);
  if (has("netDevices") || newRdt) return "1.1.0";
  if (has("intelRdt", "additionalGids")) return "0.7.0";
  const dotted = root.at("kind").string().split("/")[1]?.includes(".") === true;
  if (dotted || [root, ...devices].some((node) => !node.at("annotations").absent)) return "0.6.0";
  const items = (key: string) => edits.flatMap((node) => node.at(key).list());
  const digitFirst = devices.some((node) => /^\d/.test(node.at("name").string()));
  if (digitFirst || items("deviceNodes").some((node) => !node.at("hostPath").absent)) return "0.5.0";
  if (items("mounts").some((node) => !node.at("type").absent)) return "0.4.0";
  return "0.1.0";
}
