import type { Container, Sandbox } from "../../../engines/engine/index.ts";
import type * as cri from "../../../ground/protocol/index.ts";
import { containerState } from "./container.ts";
import { sandboxState } from "./sandbox.ts";

/** The filters of lists, and those of stats, which know no state. */
type SandboxFilter = Pick<cri.PodSandboxFilter, "id" | "labelSelector"> & Partial<cri.PodSandboxFilter>;
type ContainerFilter = Pick<cri.ContainerFilter, "id" | "podSandboxId" | "labelSelector"> &
  Partial<cri.ContainerFilter>;

/** As kubelets ask every second: with a filter in which nothing is set. */
export function asksForAll(filter: SandboxFilter | ContainerFilter | undefined): boolean {
  if (filter === undefined) return true;
  const { id, state, labelSelector } = filter;
  const pod = "podSandboxId" in filter ? filter.podSandboxId : "";
  return id === "" && pod === "" && state === undefined && Object.keys(labelSelector).length === 0;
}

/** The sandboxes that a filter lets through; ids are matched as prefixes. */
export function filterSandboxes(
  sandboxes: readonly Sandbox[],
  filter: SandboxFilter | undefined,
): readonly Sandbox[] {
  if (filter === undefined) return sandboxes;
  const { id, state, labelSelector } = filter;
  return sandboxes.filter(
    (sandbox) =>
      sandbox.id.startsWith(id) &&
      (state === undefined || sandboxState(sandbox) === state.state) &&
      hasLabels(sandbox.config.labels, labelSelector),
  );
}

/** The containers that a filter lets through; ids are matched as prefixes. */
export function filterContainers(
  containers: readonly Container[],
  filter: ContainerFilter | undefined,
): readonly Container[] {
  if (filter === undefined) return containers;
  const { id, podSandboxId, state, labelSelector } = filter;
  return containers.filter(
    (container) =>
      container.id.startsWith(id) &&
      container.sandboxId.startsWith(podSandboxId) &&
      (state === undefined || containerState(container) === state.state) &&
      hasLabels(container.config.labels, labelSelector),
  );
}

type Labels = Readonly<Record<string, string>>;

function hasLabels(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
