import type { JsonNode } from "../oci/index.ts";
import {
  type CdiDeviceNode,
  type CdiHook,
  type CdiMount,
  type CdiNetDevice,
  type CdiRdt,
  type ContainerEdits,
  hookNames,
} from "./spec.ts";

const deviceTypes = ["b", "c", "u", "p"] as const;

/** `containerEdits`, of a spec or of a device; absent ones change nothing. Throws OciFormatError. */
export function parseEdits(node: JsonNode): ContainerEdits {
  if (node.absent) return { ...nothing };
  node.onlyKeys(["env", "deviceNodes", "netDevices", "mounts", "hooks", "intelRdt", "additionalGids"]);
  const intelRdt = node.at("intelRdt");
  return {
    env: environment(node.at("env")),
    deviceNodes: node.at("deviceNodes").list().map(parseDeviceNode),
    netDevices: node.at("netDevices").list().map(parseNetDevice),
    mounts: node.at("mounts").list().map(parseMount),
    hooks: node.at("hooks").list().map(parseHook),
    intelRdt: intelRdt.absent ? undefined : parseRdt(intelRdt),
    additionalGids: node.at("additionalGids").list().map(id),
  };
}

const nothing: ContainerEdits = {
  env: [],
  deviceNodes: [],
  netDevices: [],
  mounts: [],
  hooks: [],
  intelRdt: undefined,
  additionalGids: [],
};

function environment(node: JsonNode): readonly string[] {
  return node.list().map((entry) => {
    const text = entry.string();
    return text.indexOf("=") > 0 && !text.includes("\0") ? text : entry.fail("NAME=VALUE");
  });
}

function parseDeviceNode(node: JsonNode): CdiDeviceNode {
  node.onlyKeys(["path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"]);
  const path = absolutePath(node.at("path"));
  const type = text(node.at("type"));
  const permissions = text(node.at("permissions"));
  if (!/^(?:[rwm]*|none)$/.test(permissions))
    node.at("permissions").fail("a combination of r, w and m, or empty");
  return {
    path,
    hostPath: node.at("hostPath").absent ? path : absolutePath(node.at("hostPath")),
    type:
      type === ""
        ? undefined
        : (deviceTypes.find((one) => one === type) ?? node.at("type").fail("b, c, u or p")),
    major: optional(node.at("major")),
    minor: optional(node.at("minor")),
    fileMode: optional(node.at("fileMode")),
    permissions: permissions === "none" ? "" : permissions || "rwm",
    uid: node.at("uid").absent ? undefined : id(node.at("uid")),
    gid: node.at("gid").absent ? undefined : id(node.at("gid")),
  };
}

function parseNetDevice(node: JsonNode): CdiNetDevice {
  node.onlyKeys(["hostInterfaceName", "name"]);
  return { hostInterfaceName: nonEmpty(node.at("hostInterfaceName")), name: nonEmpty(node.at("name")) };
}

function parseMount(node: JsonNode): CdiMount {
  node.onlyKeys(["hostPath", "containerPath", "type", "options"]);
  return {
    hostPath: nonEmpty(node.at("hostPath")),
    containerPath: absolutePath(node.at("containerPath")),
    type: text(node.at("type")),
    options: node
      .at("options")
      .list()
      .map((option) => option.string()),
  };
}

function parseHook(node: JsonNode): CdiHook {
  node.onlyKeys(["hookName", "path", "args", "env", "timeout"]);
  const name = node.at("hookName").string();
  const timeout = optional(node.at("timeout"));
  if (timeout === 0) node.at("timeout").fail("a positive number of seconds");
  return {
    hookName:
      hookNames.find((one) => one === name) ?? node.at("hookName").fail(`one of ${hookNames.join(", ")}`),
    path: absolutePath(node.at("path")),
    args: node
      .at("args")
      .list()
      .map((argument) => argument.string()),
    env: environment(node.at("env")),
    timeout,
  };
}

/** `closID` becomes a directory's name. */
function parseRdt(node: JsonNode): CdiRdt {
  const strings = ["closID", "l3CacheSchema", "memBwSchema"].filter((key) => !node.at(key).absent);
  node.onlyKeys(["closID", "l3CacheSchema", "memBwSchema", "schemata", "enableMonitoring"]);
  const closId = text(node.at("closID"));
  if (closId !== "/" && (/[/\n]/.test(closId) || closId === "." || closId === ".."))
    node.at("closID").fail("a file's name, or /");
  const schemata = node.at("schemata").list();
  return {
    ...Object.fromEntries(strings.map((key) => [key, node.at(key).string()])),
    ...(schemata.length > 0 && { schemata: schemata.map((schema) => schema.string()) }),
    ...(!node.at("enableMonitoring").absent && { enableMonitoring: node.at("enableMonitoring").boolean() }),
  };
}

function text(node: JsonNode): string {
  return node.absent ? "" : node.string();
}

function nonEmpty(node: JsonNode): string {
  return node.string() === "" ? node.fail("a non-empty string") : node.string();
}

function absolutePath(node: JsonNode): string {
  const path = node.string();
  return path.startsWith("/") && !path.includes("\0") ? path : node.fail("an absolute path");
}

function optional(node: JsonNode): number | undefined {
  if (node.absent) return undefined;
  const value = node.integer();
  return value >= 0 ? value : node.fail("a non-negative number");
}

function id(node: JsonNode): number {
  const value = node.integer();
  return value >= 0 && value < 2 ** 32 ? value : node.fail("an id");
}
