import { hasCode } from "../../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { Kind } from "../../manifests/index.ts";
import { CliError } from "../errors.ts";

/** An object that the manager keeps, in Kubernetes' form. */
export type ListedObject = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly deleting: boolean;
  /** It is not there any more. */
  readonly gone?: boolean;
  readonly createdAtNs: bigint;
  readonly object: JsonObject;
};

/**
 * Lists objects by kind and namespace, "" for any; with `asApplied`, without what the manager has added.
 * Throws CliError.
 */
export async function listObjects(
  client: Client,
  {
    kind = "",
    namespace = "",
    asApplied = false,
  }: { readonly kind?: Kind | ""; readonly namespace?: string; readonly asApplied?: boolean },
): Promise<readonly ListedObject[]> {
  const request = berthV1.ListObjectsRequest.fromPartial({ kind, namespace, asApplied });
  const { objects } = await onManager(client.unary(berthV1.ManagerService.listObjects, request));
  return objects.map(({ object, json, deleting, createdAt }) => {
    const parsed: unknown = JSON.parse(json);
    return {
      kind: object?.kind ?? "",
      namespace: object?.namespace ?? "",
      name: object?.name ?? "",
      deleting,
      createdAtNs: createdAt,
      object: isRecord(parsed) ? parsed : {},
    };
  });
}

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

/** Awaits a call to the manager. Throws CliError if the endpoint has no manager. */
export async function onManager<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!hasCode(error, "Unimplemented")) throw error;
    throw new CliError(
      "FailedPrecondition",
      "this endpoint has no pod manager: berthd has one unless its configuration says manager.enabled = false; `berth play` needs none",
      { cause: error },
    );
  }
}

/** A member of nested objects; undefined if one of them is missing. */
export function memberAt(object: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

/** The members of a list that are objects; empty if there is none. */
export function itemsAt(object: unknown, ...keys: readonly string[]): readonly unknown[] {
  const value = memberAt(object, ...keys);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
