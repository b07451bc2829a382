import { hasCode } from "../../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { Kind } from "../../manifests/index.ts";
import { listObjects, memberAt } from "../objects/manager-calls.ts";

/** The manifest of an object that berthd's manager keeps; undefined if there is none. */
export async function keptObject(
  client: Client,
  { kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string },
): Promise<object | undefined> {
  const objects = await listObjects(client, { kind, namespace }).catch((error: unknown) => {
    if (hasCode(error, "FailedPrecondition")) return [];
    throw error;
  });
  const found = objects.find((one) => one.name === name);
  if (found === undefined) return undefined;
  const { status: _, metadata: __, spec, ...rest } = found.object;
  const metadata = Object.fromEntries(
    ["name", "namespace", "labels", "annotations"].flatMap((key) => {
      const value = memberAt(found.object, "metadata", key);
      if (key === "annotations" && isRecord(value)) return ownAnnotations(value);
      return value === undefined || value === "" || isEmpty(value) ? [] : [[key, value]];
    }),
  );
  // Containers that were added to a running pod are not part of its manifest.
  const { ephemeralContainers: ___, ...specified } = isRecord(spec) ? spec : {};
  const own = kind === "Service" ? withoutAddresses(specified) : specified;
  return { ...rest, metadata, ...(spec === undefined ? {} : { spec: own }) };
}

/** Without the revision, which the manager counts. */
function ownAnnotations(annotations: JsonObject): readonly (readonly [string, unknown])[] {
  const { "deployment.kubernetes.io/revision": _, ...own } = annotations;
  return isEmpty(own) ? [] : [["annotations", own]];
}

/**
 * Without addresses that it was given here: a cluster has others. It is not given IPv6 first, unless it asks
 * for that.
 */
function withoutAddresses(spec: JsonObject): JsonObject {
  const { clusterIPs: _, clusterIP, ipFamilies, ipFamilyPolicy, ...own } = spec;
  return {
    ...own,
    ...(Array.isArray(ipFamilies) && ipFamilies[0] === "IPv6" ? { ipFamilies } : {}),
    ...(clusterIP === "None" ? { clusterIP } : {}),
    ...(ipFamilyPolicy === undefined || ipFamilyPolicy === "SingleStack" ? {} : { ipFamilyPolicy }),
  };
}

function isEmpty(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}
