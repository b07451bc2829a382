import { hasCode } from "../../../ground/errors/index.ts";
import { type Client, findContainer, type PodContainer } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { parseObjects } from "./kind-names.ts";
import { type ListedObject, listObjects, memberAt } from "./manager-calls.ts";
import { itemsAt } from "./summary.ts";

/**
 * The container that a text means: by id or name, or as one of a pod of an object of the manager, as in
 * `deploy/web` or `deploy/web/CONTAINER`, by default the first. Throws CriClientError, CliError.
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

/** `NAMESPACE/POD/CONTAINER`; undefined where the text names no object. */
async function nameByObject(client: Client, text: string): Promise<string | undefined> {
  const [kindName = "", name, container, ...rest] = text.split("/");
  if (name === undefined || rest.length > 0) return undefined;
  let objects: readonly ListedObject[];
  let kind: string;
  try {
    kind = parseObjects([`${kindName}/${name}`])[0]?.kind ?? "";
    objects = await listObjects(client, { namespace: "default" });
  } catch (error) {
    // It is no kind, or the runtime is another one that has no objects.
    if (error instanceof CliError) return undefined;
    throw error;
  }
  const object = objects.find((one) => one.kind === kind && one.name === name);
  if (object === undefined) return undefined;
  const [pod] = podsBelow(object, objects).toSorted(
    (one, other) => Number(isRunning(other)) - Number(isRunning(one)),
  );
  if (pod === undefined) throw new CliError("NotFound", `${kind} ${object.namespace}/${name} has no pods`);
  const first = String(memberAt(itemsAt(pod.object, "spec", "containers")[0], "name"));
  return `${pod.namespace}/${pod.name}/${container ?? first}`;
}

/** Itself, or the pods of what it made. */
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
