import { ContainerState } from "../../../ground/protocol/index.ts";

/** A container's state as a word. */
export function containerStateName(state: ContainerState): "Created" | "Running" | "Exited" | "Unknown" {
  switch (state) {
    case ContainerState.CONTAINER_CREATED:
      return "Created";
    case ContainerState.CONTAINER_RUNNING:
      return "Running";
    case ContainerState.CONTAINER_EXITED:
      return "Exited";
    default:
      return "Unknown";
  }
}
