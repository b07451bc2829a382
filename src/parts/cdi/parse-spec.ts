import { JsonNode, OciFormatError } from "../oci/index.ts";
import { isDevice, isKind } from "./names.ts";
import { parseEdits } from "./parse-edits.ts";
import type { CdiSpec, ContainerEdits } from "./spec.ts";
import { isKnownVersion, requiredVersion } from "./versions.ts";

/**
 * Checks a spec that was read from JSON or YAML; `file` stands in errors. As the specification has it, an unknown field makes
 * it invalid, and so does one that is newer than the spec's version. Throws OciFormatError.
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
