import { JsonNode, OciFormatError } from "../oci/index.ts";
import { isDevice, isKind } from "./names.ts";
import { parseEdits } from "./parse-edits.ts";
import type { CdiSpec, ContainerEdits } from "./spec.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

function isKnownVersion(version: string): boolean {
  return versions.includes(version);
}

/** The version with which the newest of what a spec uses came; see the table in SPEC.md. */
function requiredVersion(root: JsonNode): string {
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

/**
 * Checks a spec that was read from JSON or YAML; `file` stands in errors. As the specification has it, an
 * unknown field makes it invalid, and so does one that is newer than the spec's version. Throws
 * OciFormatError.
 */
export function parseSpec(value: unknown, file: string): CdiSpec {
  const root = new JsonNode(value, file);
  root.onlyKeys(["cdiVersion", "kind", "annotations", "devices", "containerEdits"]);
  const version = root.at("cdiVersion").string();
  if (!isKnownVersion(version)) root.at("cdiVersion").fail("a version of CDI from 0.1.0 to 1.1.0");
  const kind = root.at("kind").string();
  if (!isKind(kind)) root.at("kind").fail("vendor.com/class");
  root.at("annotations").strings();
  const devices = new Map<string, ContainerEdits>();
  for (const node of root.at("devices").list()) {
    const [name, edits] = parseDevice(node);
    if (devices.has(name)) node.at("name").fail("a name that no other device of the file has");
    devices.set(name, edits);
  }
  if (devices.size === 0) root.at("devices").fail("at least one device");
  const required = requiredVersion(root);
  if (isOlder(version, required))
    throw new OciFormatError(
      `${file}: declares version ${version}, but uses features of version ${required}`,
    );
  return { version, kind, devices, edits: parseEdits(root.at("containerEdits")) };
}

function parseDevice(node: JsonNode): readonly [string, ContainerEdits] {
  node.onlyKeys(["name", "annotations", "containerEdits"]);
  const name = node.at("name").string();
  if (!isDevice(name)) node.at("name").fail("a device's name");
  node.at("annotations").strings();
  return [name, parseEdits(node.at("containerEdits"))];
}

function isOlder(a: string, b: string): boolean {
  return a.localeCompare(b, "en", { numeric: true }) < 0;
}
