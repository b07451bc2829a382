import { hasCode } from "../../ground/errors/index.ts";
import {
  type Container,
  ListContainersRequest,
  ListPodSandboxRequest,
  type PodSandbox,
  RuntimeServiceService,
  whenEndedAnnotation,
} from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";
import { CriClientError } from "./cri-client-error.ts";
import { type Candidate, resolveOne } from "./resolve.ts";

/** A container with its pod sandbox; undefined if that was removed in the meantime. */
export type PodContainer = { readonly container: Container; readonly pod: PodSandbox | undefined };

/** What `stop`, `rm` and `inspect` work on. */
export type Found =
  | { readonly kind: "pod"; readonly pod: PodSandbox }
  | ({ readonly kind: "container" } & PodContainer);

export async function listPods(
  client: Client,
  filter: Parameters<typeof ListPodSandboxRequest.fromPartial>[0]["filter"] = {},
): Promise<PodSandbox[]> {
  const response = await client.unary(
    RuntimeServiceService.listPodSandbox,
    ListPodSandboxRequest.fromPartial({ filter }),
  );
  return response.items;
}

export async function listContainers(client: Client): Promise<PodContainer[]> {
  const [{ containers }, pods] = await Promise.all([
    client.unary(RuntimeServiceService.listContainers, ListContainersRequest.fromPartial({})),
    listPods(client),
  ]);
  const byId = new Map(pods.map((pod) => [pod.id, pod]));
  return containers.map((container) => ({ container, pod: byId.get(container.podSandboxId) }));
}

/**
 * By id, NAME or NAMESPACE/NAME. Throws CriClientError NotFound, or FailedPrecondition when it could be
 * several.
 */
export async function findPod(client: Client, text: string): Promise<PodSandbox> {
  return resolveOne(text, podCandidates(await listPods(client)), "pod");
}

/**
 * By id, NAME, POD/NAME or NAMESPACE/POD/NAME, or by the name of a pod that has no other container. Throws as
 * {@link findPod}.
 */
export async function findContainer(client: Client, text: string): Promise<PodContainer> {
  const candidates = containerCandidates(await listContainers(client));
  try {
    return resolveOne(text, candidates, "container");
  } catch (error) {
    const ofPod = candidates.filter(({ names }) => names.some((name) => name === `${text}/${names[0]}`));
    if (!hasCode(error, "NotFound") || ofPod.length === 0) throw error;
    const named = ofPod.map(({ names }) => `${text}/${names[0]}`).join(", ");
    throw new CriClientError(
      "NotFound",
      `${JSON.stringify(text)} is a pod with several containers: name one of ${named}`,
    );
  }
}

/**
 * A pod or a container, or only one of `kind`. A name that a pod shares with its own container means the pod.
 * Throws as {@link findPod}.
 */
export async function findPodOrContainer(
  client: Client,
  text: string,
  kind?: "pod" | "container",
): Promise<Found> {
  if (kind === "pod") return { kind, pod: await findPod(client, text) };
  if (kind === "container") return { kind, ...(await findContainer(client, text)) };
  const [pods, containers] = await Promise.all([listPods(client), listContainers(client)]);
  const ofPods = podCandidates(pods).map(
    (candidate): Candidate<Found> => ({ ...candidate, value: { kind: "pod", pod: candidate.value } }),
  );
  const named = new Set(ofPods.filter(({ names }) => names.includes(text)).map(({ id }) => id));
  const ofContainers = containerCandidates(containers)
    .filter(({ id, value }) => id === text || !named.has(value.container.podSandboxId))
    .map(
      (candidate): Candidate<Found> => ({ ...candidate, value: { kind: "container", ...candidate.value } }),
    );
  return resolveOne(text, [...ofPods, ...ofContainers], "pod or container");
}

/** A container whose pod was created for it (`berth run`) stands for the pod: actions apply to both. */
export function withItsPod(found: Found): Found {
  if (found.kind === "pod" || found.pod === undefined) return found;
  const action = found.container.annotations[whenEndedAnnotation];
  if (action !== "stop-pod" && action !== "remove-pod") return found;
  return { kind: "pod", pod: found.pod };
}

function podCandidates(pods: readonly PodSandbox[]): Candidate<PodSandbox>[] {
  const newest = newestAttempts(pods, identityOf);
  return pods.map((pod) => {
    const { name = "", namespace = "" } = pod.metadata ?? {};
    return {
      id: pod.id,
      names: newest.has(pod) ? [name, `${namespace}/${name}`] : [],
      title: `pod ${namespace}/${name}`,
      value: pod,
    };
  });
}

function containerCandidates(containers: readonly PodContainer[]): Candidate<PodContainer>[] {
  // A pod with a new sandbox, as after a restart of the machine, may still have containers in the old one.
  const podOf = new Map(
    containers.map(({ container, pod }) => [container, pod ? identityOf(pod) : container.podSandboxId]),
  );
  const newest = newestAttempts(
    containers.map(({ container }) => container),
    (container) => `${podOf.get(container)}/${container.metadata?.name}`,
  );
  const countOfPod = new Map<string | undefined, number>();
  for (const container of newest)
    countOfPod.set(podOf.get(container), (countOfPod.get(podOf.get(container)) ?? 0) + 1);
  return containers.map(({ container, pod }) => {
    const name = container.metadata?.name ?? "";
    const podName = pod?.metadata?.name;
    const qualified = podName === undefined ? [] : [podName, `${pod?.metadata?.namespace}/${podName}`];
    const alone = countOfPod.get(podOf.get(container)) === 1;
    const names = [name, ...qualified.map((prefix) => `${prefix}/${name}`), ...(alone ? qualified : [])];
    return {
      id: container.id,
      names: newest.has(container) ? names : [],
      title: `container ${[pod?.metadata?.namespace, podName, name].filter((part) => part !== undefined).join("/")}`,
      value: { container, pod },
    };
  });
}

/** The same for all sandboxes of one pod. Pods of `crictl` may share a uid. */
function identityOf({ metadata }: PodSandbox): string {
  return `${metadata?.namespace}/${metadata?.name}/${metadata?.uid}`;
}

/** The latest attempt of the objects with the same key, which a name refers to. */
function newestAttempts<
  T extends { readonly metadata?: { readonly attempt: number } | undefined; readonly createdAt: bigint },
>(objects: readonly T[], keyOf: (object: T) => string): Set<T> {
  const newest = new Map<string, T>();
  for (const object of objects) {
    const other = newest.get(keyOf(object));
    if (other === undefined || isNewer(object, other)) newest.set(keyOf(object), object);
  }
  return new Set(newest.values());
}

function isNewer(
  one: { readonly metadata?: { readonly attempt: number } | undefined; readonly createdAt: bigint },
  other: { readonly metadata?: { readonly attempt: number } | undefined; readonly createdAt: bigint },
): boolean {
  const attempts = (one.metadata?.attempt ?? 0) - (other.metadata?.attempt ?? 0);
  return attempts === 0 ? one.createdAt > other.createdAt : attempts > 0;
}
