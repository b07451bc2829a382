import { randomUUID } from "node:crypto";
import { nowNs } from "../../../ground/clock/index.ts";
import type { Container, ContainerPort, PodSpec } from "../../manifests/index.ts";
import { type Pod, unexpanded } from "../../podspec/index.ts";
import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";
import { parseCpus } from "../values/cpus.ts";
import { parseEnv, parseKeyValues } from "../values/key-values.ts";
import { parsePort } from "../values/ports.ts";
import { parseSecurityOptions } from "../values/security-option.ts";
import { parseSize } from "../values/size.ts";
import { parseUser, type UserFields } from "../values/user.ts";
import { parseVolume } from "../values/volume.ts";
import { baseName, checkedNamespace, checkedPodName, label, uniqueName } from "./names.ts";
import type { PullPolicy, RestartWhen, RunOptions } from "./options.ts";

/** The arguments of `berth run`, as written on the command line. */
export type RunWords = {
  readonly image: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly env: Io["env"];
};

/** A pod of one container. */
export type RunPod = Pod & {
  readonly spec: PodSpec;
  readonly container: Container;
  /** The only option that manifests have no field for. */
  readonly username: string | undefined;
};

export const graceSeconds = 10;

/**
 * Translates the arguments of `berth run` to a pod, as in a manifest; from there, it is treated like any
 * other pod. Throws CliError.
 */
export function runPod(words: RunWords): RunPod {
  const { image, options } = words;
  const { hostNetwork, handler } = options;
  const namespace = checkedNamespace(options.namespace ?? "default");
  const name = checkedPodName(options.name ?? uniqueName(image));
  const { container, volumes, username } = containerOf(words, name);
  return {
    metadata: {
      name,
      namespace,
      uid: randomUUID(),
      labels: parseKeyValues(options.label ?? [], "--label"),
      annotations: {},
    },
    spec: {
      restartPolicy: restartPolicies[options.restart ?? "no"],
      terminationGracePeriodSeconds: graceSeconds,
      // It is not part of a cluster, and does not use its DNS.
      dnsPolicy: "Default",
      enableServiceLinks: false,
      ...(hostNetwork === true ? { hostNetwork } : {}),
      ...(handler === undefined ? {} : { runtimeClassName: handler }),
      containers: [container],
      ...(volumes.length === 0 ? {} : { volumes }),
    },
    startTimeNs: nowNs(),
    container,
    username,
  };
}

/** The same pod as a manifest, for `berth play`, `berth apply` and Kubernetes. */
export function runManifest({ metadata, spec }: RunPod): object {
  const { name, namespace, labels } = metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, ...(Object.keys(labels).length === 0 ? {} : { labels }) },
    spec,
  };
}

function containerOf({ image, args, options, env }: RunWords, pod: string) {
  const { name, pod: existing, entrypoint, workdir, pull = "missing" } = options;
  const mounted = (options.volume ?? []).map(parseVolume);
  const { username, ...user } = options.user === undefined ? noUser : parseUser(options.user);
  const ports: readonly ContainerPort[] = (options.publish ?? []).map(parsePort);
  const container: Container = {
    name: name === undefined && existing === undefined ? baseName(image) : label(pod),
    image,
    imagePullPolicy: pullPolicies[pull],
    ...program(entrypoint, args.map(unexpanded)),
    ...(workdir === undefined ? {} : { workingDir: workdir }),
    ...listed(
      "env",
      parseEnv(options.env ?? [], env).map(({ name, value }) => ({ name, value: unexpanded(value) })),
    ),
    ...listed("ports", ports),
    ...resources(options),
    ...listed(
      "volumeMounts",
      mounted.map(({ mount }, index) => ({ name: volumeName(index), ...mount })),
    ),
    securityContext: { ...user, ...parseSecurityOptions(options.securityOpt ?? []), ...privileges(options) },
    ...terminal(options),
  };
  const volumes = mounted.map(({ hostPath }, index) => ({
    name: volumeName(index),
    hostPath: { path: hostPath },
  }));
  return { container, volumes, username };
}

const noUser: UserFields = {};

const restartPolicies = {
  no: "Never",
  "on-failure": "OnFailure",
  always: "Always",
} as const satisfies Record<RestartWhen, string>;

const pullPolicies = { missing: "IfNotPresent", always: "Always", never: "Never" } as const satisfies Record<
  PullPolicy,
  string
>;

/** An empty entrypoint removes that of the image, as in docker: only the arguments are left. */
function program(
  entrypoint: string | undefined,
  args: readonly string[],
): Pick<Container, "command" | "args"> {
  if (entrypoint === undefined) return listed("args", args);
  if (entrypoint !== "") return { command: [unexpanded(entrypoint)], ...listed("args", args) };
  if (args.length === 0) throw usageError('--entrypoint "" needs a command: the image\'s is not run then');
  return { command: args };
}

function volumeName(index: number): string {
  return `volume-${index + 1}`;
}

/**
 * Its input ends with ours, unless somebody may attach again: in the background, or after detaching from a
 * terminal.
 */
function terminal({ stdin = false, tty = false, detach = false }: RunOptions) {
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdin && !tty && !detach ? { stdinOnce: true } : {}),
    ...(tty ? { tty } : {}),
  };
}

function privileges({ capAdd = [], capDrop = [], privileged, readOnly }: RunOptions) {
  const capabilities = {
    ...listed("add", capAdd.map(capability)),
    ...listed("drop", capDrop.map(capability)),
  };
  return {
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
    ...(privileged === true ? { privileged } : {}),
    ...(readOnly === true ? { readOnlyRootFilesystem: true } : {}),
  };
}

/** Manifests have capabilities in capital letters and without `CAP_`. */
function capability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, "");
}

function resources({ cpus, memory }: RunOptions): Pick<Container, "resources"> {
  if (cpus === undefined && memory === undefined) return {};
  return {
    resources: {
      limits: {
        ...(cpus === undefined ? {} : { cpu: String(parseCpus(cpus)) }),
        ...(memory === undefined ? {} : { memory: String(parseSize(memory, "--memory")) }),
      },
    },
  };
}

function listed<Key extends string, T>(key: Key, items: readonly T[]): { [K in Key]?: readonly T[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { [K in Key]: readonly T[] });
}
