import { hasCode } from "../../../ground/errors/index.ts";
import { type Client, findContainer, type PodContainer } from "../../criclient/index.ts";
import type { Kind } from "../../manifests/index.ts";
import { CliError } from "../errors.ts";
import { parseKind } from "./kind-names.ts";
import { itemsAt, type ListedObject, listObjects, memberAt } from "./manager-calls.ts";

/** Help for commands whose argument is a text for {@link findContainerOf}. */
export const containerHelp =
  "id or name, or [NAMESPACE/]KIND/NAME[/CONTAINER] of an applied object, such as deploy/web";

/**
 * Finds a container by id or name, or as one of a pod of an object of the manager, as in `deploy/web` or
 * `shop/deploy/web/CONTAINER`; by default the one that the pod's annotation
 * `kubectl.kubernetes.io/default-container` names, or the first. Throws CriClientError, CliError.
 */
export async function findContainerOf(client: Client, text: string): Promise<PodContainer> {
  try {
    return await findContainer(client, text);
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
    const name = await nameByObject(client, text);
    if (name === undefined) throw error;
    return await findContainer(client, name);
  }
}

/** Resolves the text to `NAMESPACE/POD/CONTAINER`; undefined if it does not name an object. */
async function nameByObject(client: Client, text: string): Promise<string | undefined> {
  const words = text.split("/");
  const named = inNamespace(["default", ...words]) ?? inNamespace(words);
  if (named === undefined) return undefined;
  const { namespace, kind, name, container } = named;
  let objects: readonly ListedObject[];
  try {
    objects = await listObjects(client, { namespace });
  } catch (error) {
    // Another runtime has no objects.
    if (error instanceof CliError) return undefined;
    throw error;
  }
  const object = objects.find((one) => one.kind === kind && one.name === name);
  if (object === undefined) return undefined;
  const [pod] = podsBelow(object, objects).toSorted(
    (one, other) => Number(isRunning(other)) - Number(isRunning(one)),
  );
  if (pod === undefined) throw new CliError("NotFound", `${kind} ${namespace}/${name} has no pods`);
  return `${namespace}/${pod.name}/${container ?? defaultContainer(pod)}`;
}

type NamedObject = {
  readonly namespace: string;
  readonly kind: Kind;
  readonly name: string;
  readonly container: string | undefined;
};

function inNamespace([namespace = "", word = "", name, container, ...rest]: readonly string[]):
  | NamedObject
  | undefined {
  if (name === undefined || rest.length > 0) return undefined;
  const kind = kindOf(word);
  return kind && { namespace, kind, name, container };
}

function kindOf(word: string): Kind | undefined {
  try {
    return parseKind(word);
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

function defaultContainer({ object }: ListedObject): string {
  const names = ["containers", "initContainers"]
    .flatMap((key) => itemsAt(object, "spec", key))
    .map((one) => String(memberAt(one, "name")));
  const wanted = memberAt(object, "metadata", "annotations", "kubectl.kubernetes.io/default-container");
  return names.find((name) => name === wanted) ?? names[0] ?? "";
}

/** The object itself if it is a pod, otherwise the pods that it controls, directly or not. */
function podsBelow(object: ListedObject, objects: readonly ListedObject[]): readonly ListedObject[] {
  if (object.kind === "Pod") return [object];
  const uid = memberAt(object.object, "metadata", "uid");
  return objects
    .filter((one) =>
      itemsAt(one.object, "metadata", "ownerReferences").some((owner) => memberAt(owner, "uid") === uid),
    )
    .flatMap((one) => podsBelow(one, objects));
}

function isRunning({ object, deleting }: ListedObject): boolean {
  return memberAt(object, "status", "phase") === "Running" && !deleting;
}
