import type { StructuredFormat } from "../output/structured.ts";
import type { InteractiveOptions, StreamOptions } from "../streams/options.ts";

/** The options of `berth run`, unparsed. */
export type RunOptions = StreamOptions &
  InteractiveOptions & {
    readonly name?: string;
    readonly namespace?: string;
    readonly pod?: string;
    readonly detach?: boolean;
    readonly rm?: boolean;
    readonly restart?: RestartWhen;
    readonly env?: readonly string[];
    readonly envFile?: readonly string[];
    readonly volume?: readonly string[];
    readonly publish?: readonly string[];
    readonly label?: readonly string[];
    readonly hostNetwork?: boolean;
    readonly handler?: string;
    readonly entrypoint?: string;
    readonly user?: string;
    readonly workdir?: string;
    readonly cpus?: string;
    readonly memory?: string;
    readonly securityOpt?: readonly string[];
    readonly capAdd?: readonly string[];
    readonly capDrop?: readonly string[];
    readonly privileged?: boolean;
    readonly readOnly?: boolean;
    readonly pull?: PullPolicy;
    readonly logDir?: string;
    readonly dryRun?: boolean;
    readonly output?: StructuredFormat;
  };

/** When to restart a container that has ended. */
export type RestartWhen = "no" | "on-failure" | "always";

export type PullPolicy = "missing" | "always" | "never";
