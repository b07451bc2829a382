import { hasCode } from "../../../ground/errors/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { Kind } from "../../manifests/index.ts";
import { listObjects } from "../objects/manager-calls.ts";

/** The manifest of an object that berthd's manager keeps, as it was applied; undefined if there is none. */
export async function keptObject(
  client: Client,
  { kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string },
): Promise<object | undefined> {
  const wanted = { kind, namespace: kind === "Namespace" ? "" : namespace, asApplied: true };
  const objects = await listObjects(client, wanted).catch((error: unknown) => {
    if (hasCode(error, "FailedPrecondition")) return [];
    throw error;
  });
  return objects.find((one) => one.name === name)?.object;
}
