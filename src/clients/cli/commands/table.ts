import type { Command } from "commander";
import type { Invocation } from "../invocation.ts";

/** The module of a command, a file in this directory. */
type CommandModule = {
  /**
   * Defines the command's arguments, options, help and action. `wholeProgram` creates the tree again, with
   * every command's options.
   */
  readonly define: (command: Command, invocation: Invocation, wholeProgram: () => Promise<Command>) => void;
};

type CommandEntry = {
  readonly name: string;
  readonly summary: string;
  /** Its heading in the help; undefined for a hidden command. */
  readonly group: string | undefined;
  readonly load: () => Promise<CommandModule>;
};

const workloads = "Pods and containers:";
const images = "Images and profiles:";
const system = "System:";

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  { name: "run", summary: "run an image in a new pod", group: workloads, load: () => import("./run.ts") },
  {
    name: "play",
    summary: "run the pods of Kubernetes manifests in the foreground",
    group: workloads,
    load: () => import("./play.ts"),
  },
  {
    name: "apply",
    summary: "apply Kubernetes manifests to berthd's pod manager",
    group: workloads,
    load: () => import("./apply.ts"),
  },
  {
    name: "delete",
    summary: "delete applied objects",
    group: workloads,
    load: () => import("./delete.ts"),
  },
  { name: "get", summary: "list applied objects", group: workloads, load: () => import("./get.ts") },
  {
    name: "describe",
    summary: "show the details of an applied object",
    group: workloads,
    load: () => import("./describe.ts"),
  },
  {
    name: "scale",
    summary: "give an applied object another number of pods",
    group: workloads,
    load: () => import("./scale.ts"),
  },
  {
    name: "rollout",
    summary: "restart, follow and undo rollouts of an object",
    group: workloads,
    load: () => import("./rollout.ts"),
  },
  {
    name: "generate",
    summary: "write the manifest of a running pod",
    group: workloads,
    load: () => import("./generate.ts"),
  },
  { name: "pods", summary: "list pods", group: workloads, load: () => import("./pods.ts") },
  { name: "ps", summary: "list containers", group: workloads, load: () => import("./ps.ts") },
  { name: "logs", summary: "show the log of a container", group: workloads, load: () => import("./logs.ts") },
  {
    name: "exec",
    summary: "run a command in a container",
    group: workloads,
    load: () => import("./exec.ts"),
  },
  {
    name: "attach",
    summary: "connect to a running container's input and output",
    group: workloads,
    load: () => import("./attach.ts"),
  },
  {
    name: "debug",
    summary: "add a debug container to a pod of berthd's manager",
    group: workloads,
    load: () => import("./debug.ts"),
  },
  {
    name: "port-forward",
    summary: "forward ports of this machine to a pod",
    group: workloads,
    load: () => import("./port-forward.ts"),
  },
  {
    name: "cp",
    summary: "copy files to and from a container",
    group: workloads,
    load: () => import("./cp.ts"),
  },
  {
    name: "inspect",
    summary: "show everything known about a pod, container or image",
    group: workloads,
    load: () => import("./inspect.ts"),
  },
  {
    name: "update",
    summary: "change the resource limits of containers",
    group: workloads,
    load: () => import("./update.ts"),
  },
  { name: "stop", summary: "stop pods or containers", group: workloads, load: () => import("./stop.ts") },
  { name: "kill", summary: "kill pods or containers", group: workloads, load: () => import("./kill.ts") },
  { name: "rm", summary: "remove pods or containers", group: workloads, load: () => import("./rm.ts") },
  {
    name: "checkpoint",
    summary: "save the state of a container or pod",
    group: workloads,
    load: () => import("./checkpoint.ts"),
  },
  {
    name: "restore",
    summary: "restore a pod from a checkpoint",
    group: workloads,
    load: () => import("./restore.ts"),
  },
  {
    name: "stats",
    summary: "show the resource usage of containers or pods",
    group: workloads,
    load: () => import("./stats.ts"),
  },
  {
    name: "metrics",
    summary: "show the metrics of pods and containers",
    group: workloads,
    load: () => import("./metrics.ts"),
  },
  {
    name: "events",
    summary: "stream the events of pods and containers",
    group: workloads,
    load: () => import("./events.ts"),
  },
  { name: "images", summary: "list images", group: images, load: () => import("./images.ts") },
  { name: "pull", summary: "pull an image from a registry", group: images, load: () => import("./pull.ts") },
  { name: "push", summary: "push an image to a registry", group: images, load: () => import("./push.ts") },
  { name: "tag", summary: "give an image another name", group: images, load: () => import("./tag.ts") },
  {
    name: "save",
    summary: "write images into an archive",
    group: images,
    load: () => import("./save.ts"),
  },
  {
    name: "load",
    summary: "load images from an archive",
    group: images,
    load: () => import("./load.ts"),
  },
  {
    name: "login",
    summary: "log in to a registry",
    group: images,
    load: () => import("./login.ts"),
  },
  {
    name: "logout",
    summary: "log out from a registry",
    group: images,
    load: () => import("./logout.ts"),
  },
  {
    name: "commit",
    summary: "create an image from a container",
    group: images,
    load: () => import("./commit.ts"),
  },
  {
    name: "export",
    summary: "write the files of a container into an archive",
    group: images,
    load: () => import("./export.ts"),
  },
  {
    name: "import",
    summary: "create an image from an archive of files",
    group: images,
    load: () => import("./import.ts"),
  },
  { name: "rmi", summary: "remove images", group: images, load: () => import("./rmi.ts") },
  {
    name: "image",
    summary: "import, inspect, compare, mount, pin and prune images",
    group: images,
    load: () => import("./image.ts"),
  },
  {
    name: "profile",
    summary: "pull, list and remove security profiles",
    group: images,
    load: () => import("./profile.ts"),
  },
  {
    name: "info",
    summary: "show the runtime's state and conditions",
    group: system,
    load: () => import("./info.ts"),
  },
  {
    name: "version",
    summary: "show the versions of berth and of the runtime",
    group: system,
    load: () => import("./version.ts"),
  },
  {
    name: "doctor",
    summary: "check whether this machine can run pods",
    group: system,
    load: () => import("./doctor.ts"),
  },
  {
    name: "config",
    summary: "print or check berthd's configuration",
    group: system,
    load: () => import("./config.ts"),
  },
  {
    name: "completion",
    summary: "print a completion script for a shell",
    group: system,
    load: () => import("./completion.ts"),
  },
  {
    name: "__complete",
    summary: "names for the completion scripts",
    group: undefined,
    load: () => import("./complete.ts"),
  },
];
