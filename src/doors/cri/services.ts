import type { Engine } from "../../engines/engine/index.ts";
import { defineService, type GrpcService } from "../../ground/grpc/index.ts";
import { ImageServiceService, type RuntimeServiceService } from "../../ground/protocol/index.ts";
import { checkpointHandlers } from "./checkpoints.ts";
import { containerHandlers } from "./containers.ts";
import { eventHandlers } from "./events.ts";
import { execHandlers, type Streaming } from "./exec.ts";
import { type ImageHandlers, type RuntimeHandlers, withOwner } from "./handlers.ts";
import { imageHandlers } from "./images.ts";
import { serviceWithKeptLists } from "./kept-lists.ts";
import type { MetricGroup } from "./metrics/family.ts";
import { type SandboxAnswers, sandboxHandlers } from "./sandboxes.ts";
import { securityProfileHandlers } from "./security-profiles.ts";
import { statsHandlers } from "./stats.ts";
import { versionStatusHandlers } from "./version-status.ts";

export type CriOptions = {
  readonly engine: Engine;
  /** Serves the streams of Exec, Attach and PortForward; these answer UNIMPLEMENTED without it. */
  readonly streaming?: Streaming | undefined;
  /** Enabled groups of metrics; none by default. */
  readonly metrics?: readonly MetricGroup[];
  readonly answers?: SandboxAnswers | undefined;
  /** Details of the verbose Status in addition to the engine's. */
  readonly details?: () => Promise<Readonly<Record<string, unknown>>>;
};

/** RuntimeService and ImageService. Kubelets call the quiet methods every few seconds. */
export function criServices(options: CriOptions): readonly GrpcService[] {
  const { engine } = options;
  const runtime = defineService(
    serviceWithKeptLists(),
    withOwner<typeof RuntimeServiceService>(runtimeHandlers(options)),
    {
      quiet: [
        "containerStats",
        "containerStatus",
        "execSync",
        "listContainerStats",
        "listContainers",
        "listMetricDescriptors",
        "listPodSandbox",
        "listPodSandboxMetrics",
        "listPodSandboxStats",
        "podSandboxStats",
        "podSandboxStatus",
        "runtimeConfig",
        "status",
        "streamContainerStats",
        "streamContainers",
        "streamPodSandboxMetrics",
        "streamPodSandboxStats",
        "streamPodSandboxes",
        "version",
      ],
      endless: ["getContainerEvents"],
    },
  );
  const handlers: ImageHandlers = { ...imageHandlers(engine), ...securityProfileHandlers(engine) };
  const images = defineService(ImageServiceService, withOwner<typeof ImageServiceService>(handlers), {
    quiet: [
      "imageFsInfo",
      "imageStatus",
      "listImages",
      "listSecurityProfiles",
      "pullSecurityProfile",
      "streamImages",
    ],
  });
  return [runtime, images];
}

function runtimeHandlers({
  engine,
  streaming,
  metrics = [],
  answers,
  details = async () => ({}),
}: CriOptions): RuntimeHandlers {
  return {
    ...versionStatusHandlers(engine, details),
    ...sandboxHandlers(engine, answers),
    ...containerHandlers(engine),
    ...checkpointHandlers(engine),
    ...execHandlers(engine, streaming),
    ...eventHandlers(engine),
    ...statsHandlers(engine, metrics),
  };
}
