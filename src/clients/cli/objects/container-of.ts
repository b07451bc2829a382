import { hasCode } from "../../../ground/errors/index.ts";
import type { PodSandbox } from "../../../ground/protocol/index.ts";
import { type Client, findContainer, findPod, type PodContainer } from "../../criclient/index.ts";
import type { Kind } from "../../manifests/index.ts";
import { CliError } from "../errors.ts";
import { kindOf } from "./kind-names.ts";
import { itemsAt, type ListedObject, listObjects, memberAt } from "./manager-calls.ts";
import { isReady, isSelectedBy } from "./pods.ts";

/** Help for commands whose argument is a text for {@link findContainerOf}. */
export const containerHelp =
  "id or name, or [NAMESPACE/]KIND/NAME[/CONTAINER] of an applied object or a pod, such as deploy/web";

/** Help for commands whose argument is a text for {@link findPodOf}. */
export const podHelp = "id or name, or [NAMESPACE/]KIND/NAME of an applied object or a pod, such as svc/web";

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
    const named = namedObject(text);
    const found = named && (await podOfObject(client, named));
    if (found !== undefined) {
      const { pod } = found;
      const container = named?.container ?? defaultContainer(pod);
      return await findContainer(client, `${pod.namespace}/${pod.name}/${container}`);
    }
    if (named?.kind !== "Pod") throw error;
    // One that is not the manager's, such as of `berth run`.
    const { namespace, name, container } = named;
    return await findContainer(
      client,
      `${namespace}/${name}${container === undefined ? "" : `/${container}`}`,
    );
  }
}

/** An object of the manager, and one of its pods. */
export type PodOfObject = { readonly object: ListedObject; readonly pod: ListedObject };

/**
 * Finds a pod by id or name, or as one of an object of the manager, as in `svc/web` or `shop/deploy/web`.
 * Throws CriClientError, CliError.
 */
export async function findPodOf(
  client: Client,
  text: string,
): Promise<{ readonly sandbox: PodSandbox; readonly found?: PodOfObject }> {
  try {
    return { sandbox: await findPod(client, text) };
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
    const named = namedObject(text);
    if (named === undefined || named.container !== undefined) throw error;
    const found = await podOfObject(client, named);
    if (found !== undefined)
      return { sandbox: await findPod(client, `${found.pod.namespace}/${found.pod.name}`), found };
    if (named.kind !== "Pod") throw error;
    return { sandbox: await findPod(client, `${named.namespace}/${named.name}`) };
  }
}

/** The best pod of an object of the manager; undefined if there is no such object. */
async function podOfObject(
  client: Client,
  { namespace, kind, name }: NamedObject,
): Promise<PodOfObject | undefined> {
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
  const [pod] = podsBelow(object, objects).toSorted(bestFirst);
  if (pod === undefined) throw new CliError("NotFound", `${kind} ${namespace}/${name} has no pods`);
  return { object, pod };
}

type NamedObject = {
  readonly namespace: string;
  readonly kind: Kind;
  readonly name: string;
  readonly container: string | undefined;
};

/** `deploy/web`, `shop/deploy/web` or `shop/deploy/web/CONTAINER`; undefined for another text. */
function namedObject(text: string): NamedObject | undefined {
  const words = text.split("/");
  return inNamespace(["default", ...words]) ?? inNamespace(words);
}

function inNamespace([namespace = "", word = "", name, container, ...rest]: readonly string[]):
  | NamedObject
  | undefined {
  if (name === undefined || rest.length > 0) return undefined;
  const kind = kindOf(word);
  return kind && { namespace, kind, name, container };
}

function defaultContainer({ object }: ListedObject): string {
  const names = ["containers", "initContainers"]
    .flatMap((key) => itemsAt(object, "spec", key))
    .map((one) => String(memberAt(one, "name")));
  const wanted = memberAt(object, "metadata", "annotations", "kubectl.kubernetes.io/default-container");
  return names.find((name) => name === wanted) ?? names[0] ?? "";
}

/** The object itself if it is a pod, otherwise the pods that it controls, directly or not, or selects. */
function podsBelow(object: ListedObject, objects: readonly ListedObject[]): readonly ListedObject[] {
  if (object.kind === "Pod") return [object];
  if (object.kind === "Service") return objects.filter((one) => isSelectedBy(object.object, one.object));
  const uid = memberAt(object.object, "metadata", "uid");
  return objects
    .filter((one) =>
      itemsAt(one.object, "metadata", "ownerReferences").some((owner) => memberAt(owner, "uid") === uid),
    )
    .flatMap((one) => podsBelow(one, objects));
}

/** As in kubectl: running pods first, then ready ones, those that are not being deleted, and the oldest. */
function bestFirst(one: ListedObject, other: ListedObject): number {
  const marks = (pod: ListedObject) => [
    Number(memberAt(pod.object, "status", "phase") !== "Running"),
    Number(!isReady(pod.object)),
    Number(pod.deleting),
    Number(pod.createdAtNs),
  ];
  const others = marks(other);
  return (
    marks(one)
      .map((mark, index) => mark - (others[index] ?? 0))
      .find((difference) => difference !== 0) ?? 0
  );
}
