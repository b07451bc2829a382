import type { Container, Engine, Sandbox } from "../../engines/engine/index.ts";
import { ownerLabel } from "../../ground/protocol/index.ts";
import type { CriCall } from "./handlers.ts";

/** The parts of a list's filter with which a client requests known objects. */
type Wanted = {
  readonly id?: string;
  readonly podSandboxId?: string;
  readonly labelSelector?: Readonly<Record<string, string>>;
};

type Labelled = { readonly labels: Record<string, string> };

/** The configuration with the caller as owner, whatever the request contains. */
export function owned<Config extends Labelled>(config: Config, owner: string): Config {
  const { [ownerLabel]: _, ...labels } = config.labels;
  return { ...config, labels: owner === "" ? labels : { ...labels, [ownerLabel]: owner } };
}

export function ownerOf({ config }: { readonly config: Labelled }): string {
  return config.labels[ownerLabel] ?? "";
}

/**
 * The sandboxes that a client sees: a kubelet's, its own, and others only if it asks by id or for the owner
 * label. A kubelet ends unknown pods that it sees.
 */
export function shownSandboxes(
  list: readonly Sandbox[],
  { owner }: Pick<CriCall, "owner">,
  { id = "", labelSelector = {} }: Wanted = {},
): readonly Sandbox[] {
  if (id !== "" || ownerLabel in labelSelector) return list;
  return list.filter((sandbox) => isShown(sandbox, owner));
}

/** As {@link shownSandboxes}; asking for a sandbox that is not shown asks for its containers. */
export function shownContainers(
  list: readonly Container[],
  { owner }: Pick<CriCall, "owner">,
  { id = "", podSandboxId = "", labelSelector = {} }: Wanted = {},
  sandboxes: () => readonly Sandbox[] = () => [],
): readonly Container[] {
  if (id !== "" || ownerLabel in labelSelector) return list;
  if (podSandboxId === "") return list.filter((container) => isShown(container, owner));
  const hidden = sandboxes().filter(
    (sandbox) => sandbox.id.startsWith(podSandboxId) && ownerOf(sandbox) !== "",
  );
  const asked = new Set(hidden.map((sandbox) => sandbox.id));
  return list.filter((container) => isShown(container, owner) || asked.has(container.sandboxId));
}

export function isShown(one: { readonly config: Labelled }, owner: string): boolean {
  const its = ownerOf(one);
  return its === "" || its === owner;
}

/**
 * Ids of images used by containers that this client does not see: they would seem unused to it, and a kubelet
 * removes such images.
 */
export function imagesOfOthers({ containers }: Engine, { owner }: CriCall): ReadonlySet<string> {
  const others = containers.list().filter((container) => !isShown(container, owner));
  return new Set(
    others.flatMap(({ imageId, imageVolumes }) => [imageId, ...imageVolumes.map((volume) => volume.imageId)]),
  );
}
