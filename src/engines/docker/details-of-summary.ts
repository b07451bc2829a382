import type { ContainerDetails, ContainerSummary } from "../../parts/dockerapi/index.ts";
import { isRunning } from "./found.ts";

const never = "0001-01-01T00:00:00Z";

/**
 * Fills a container's details from its entry in a list, which lacks the process, the limits, and all times
 * but that of creation.
 */
export function detailsOf(summary: ContainerSummary): ContainerDetails {
  const { Id, Names, Labels, ImageID, Created, State, Status, HostConfig, NetworkSettings } = summary;
  return {
    Id,
    // A name with more slashes is a link from another container.
    Name: Names.find((name) => name.lastIndexOf("/") === 0) ?? "",
    Created: new Date(Created * 1000).toISOString(),
    Image: ImageID,
    LogPath: "",
    ResolvConfPath: "",
    HostsPath: "",
    State: {
      Status: State,
      Running: isRunning(summary),
      Paused: State === "paused",
      OOMKilled: false,
      Pid: 0,
      ExitCode: Number(/^Exited \((\d+)\)/.exec(Status)?.[1] ?? 0),
      Error: "",
      StartedAt: never,
      FinishedAt: never,
    },
    Config: { Labels },
    HostConfig,
    NetworkSettings: { ...NetworkSettings, SandboxKey: "" },
  };
}
