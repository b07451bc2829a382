import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { addressOf } from "./address.ts";
import { NetworkError } from "./network-error.ts";
import { quote } from "./plugins.ts";

/**
 * The result of ADD (section 5, "ADD Success"): `raw` as the plugin printed it, and the parts that berth
 * uses.
 */
export type CniResult = {
  readonly raw: JsonObject;
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
};

/** `sandbox` is empty for an interface on the host. */
type CniInterface = { readonly name: string; readonly mac: string; readonly sandbox: string };

/** `interfaceIndex` points into the interfaces; an address without it is on the requested interface. */
type CniIp = {
  readonly address: string;
  /** The address with its prefix length. */
  readonly cidr: string;
  readonly interfaceIndex: number | undefined;
};

/**
 * Parses a plugin's output on ADD. Throws NetworkError Internal that names the plugin and quotes the output.
 */
export function parseResult(stdout: string, plugin: string): CniResult {
  const garbage = (problem: string, cause?: unknown) =>
    new NetworkError(
      "Internal",
      `the CNI plugin ${plugin} returned an invalid result for ADD (${problem}): ${quote(stdout)}`,
      {
        cause,
      },
    );
  let raw: unknown;
  try {
    raw = JSON.parse(stdout);
  } catch (cause) {
    throw garbage("not JSON", cause);
  }
  if (!isRecord(raw)) throw garbage("not an object");
  const interfaces = listOf(raw.interfaces, readInterface);
  if (interfaces === undefined) throw garbage('"interfaces" is wrong');
  const ips = listOf(raw.ips ?? ipsOfOldResult(raw), (ip) => readIp(ip, interfaces.length));
  if (ips === undefined) throw garbage('"ips" is wrong');
  return { raw, interfaces, ips };
}

/**
 * Before version 0.3.0, there was one address of each family, `ip4` and `ip6`, on the requested interface.
 */
function ipsOfOldResult({ ip4, ip6 }: JsonObject): readonly unknown[] {
  const given = [ip4, ip6].filter((family) => family !== undefined && family !== null);
  return given.map((family) => (isRecord(family) ? { address: family.ip } : family));
}

/** Undefined if it is not a list, or an entry is invalid; a missing list counts as empty. */
function listOf<Entry>(
  value: unknown,
  read: (entry: JsonObject) => Entry | undefined,
): readonly Entry[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const entries = value.map((entry) => (isRecord(entry) ? read(entry) : undefined));
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

function readInterface({ name, mac = "", sandbox = "" }: JsonObject): CniInterface | undefined {
  if (typeof name !== "string" || typeof mac !== "string" || typeof sandbox !== "string") return undefined;
  return { name, mac, sandbox };
}

function readIp({ address: cidr, interface: index }: JsonObject, interfaceCount: number): CniIp | undefined {
  if (typeof cidr !== "string") return undefined;
  const address = addressOf(cidr);
  if (address === undefined) return undefined;
  if (index === undefined || index === null) return { address, cidr, interfaceIndex: undefined };
  const inRange =
    typeof index === "number" && Number.isInteger(index) && index >= 0 && index < interfaceCount;
  return inRange ? { address, cidr, interfaceIndex: index } : undefined;
}
