import type { Command } from "commander";
import { type CliError, usageError } from "../errors.ts";

const changeManifest = "change the manifest and `berth apply` it again";

/** Words that users of docker, podman, nerdctl or crictl may type, and what to use here. */
const words: Readonly<Record<string, string>> = {
  annotate: changeManifest,
  "api-resources": "`berth get --help` shows how to list objects; docs/manager.md has the kinds",
  build: "berth does not build images: build one elsewhere, then use `berth pull` or `berth load`",
  compose:
    "`berth play` and `berth apply` run Kubernetes manifests; nerdctl compose works over berthd's socket",
  container: "`berth ps`, `berth stop` and `berth rm` work with containers",
  create: "`berth run -d` creates a container and starts it, `berth apply -f FILE` objects of manifests",
  diff: "`berth commit` creates an image from a container's changes, `berth image diff` lists them; `berth stats` shows their size",
  edit: `${changeManifest}; \`berth get KIND/NAME -o yaml\` writes it`,
  explain: "docs/pod-fields.md describes the fields of pods",
  expose: "`berth apply` a Service; `berth port-forward` forwards a port of this machine to a pod",
  history: "`berth image history IMAGE` shows the steps that an image was built in",
  imagefsinfo: "`berth image usage` shows the disk usage of images",
  img: "`berth images` does that",
  inspecti: "`berth inspect --type image NAME` does that",
  inspectp: "`berth inspect --type pod NAME` does that",
  kube: "`berth play FILE` runs manifests, `berth generate kube POD` writes one",
  label: changeManifest,
  list: "`berth ps` lists containers, `berth pods` pods, `berth images` images",
  ls: "`berth ps` lists containers, `berth pods` pods, `berth images` images",
  manifest: "`berth images --all` lists the manifests of images",
  metricdescs: "`berth metrics --descriptors` does that",
  metricsp: "`berth metrics` does that",
  namespace: "`berth get namespaces` lists those of manifests; ctr and nerdctl those of containerd's API",
  network:
    "pod networks are CNI configurations in /etc/cni/net.d (network.conf_dir); `berth doctor` checks them",
  patch: changeManifest,
  pause: "containers cannot be paused; `berth checkpoint` saves their state",
  port: "`berth inspect --type pod NAME` shows a pod's ports",
  prune: "`berth rm $(berth ps --state exited -q)` removes exited containers, `berth image prune` images",
  rename: "names cannot be changed: `berth run --name NEW` creates another container",
  restart:
    "a container runs only once: `berth rm NAME`, then `berth run` it again; `berth run -d --restart always` restarts it automatically",
  rmp: "`berth rm --type pod NAME` does that",
  runp: "`berth run IMAGE` creates a pod with a container",
  replace: "`berth apply --replace -f FILE` does that",
  search: "berth does not search registries",
  set: changeManifest,
  start: "a container runs only once: `berth rm NAME`, then `berth run` it again",
  statsp: "`berth stats --pods` does that",
  stopp: "`berth stop --type pod NAME` does that",
  system: "`berth info` shows the runtime's state, `berth doctor` checks the machine",
  top: "`berth exec NAME ps` shows a container's processes if its image has ps; `berth stats` shows the resource usage",
  unpause: "containers cannot be paused",
  volume: "`berth run -v PATH:PATH` mounts a path of this machine",
  wait: "`berth logs -f NAME` follows a container until it ends; `berth run` without -d exits with its exit status",
};

/** The same after `berth image`. */
const wordsOfImages: Readonly<Record<string, string>> = {
  build: words.build ?? "",
  list: "`berth images` does that",
  load: "`berth load -i ARCHIVE` does that",
  ls: "`berth images` does that",
  pull: "`berth pull NAME` does that",
  push: "`berth push NAME` does that",
  rm: "`berth rmi NAME` does that",
  save: "`berth save -o ARCHIVE NAME` does that",
  tag: "`berth tag NAME OTHER` does that",
};

/** The same after `berth profile`. */
const wordsOfProfiles: Readonly<Record<string, string>> = {
  list: "`berth profile ls` does that",
  prune: "`berth profile rm $(berth profile ls -q)` removes all; running containers keep theirs",
  push: "berth does not push: use a tool for artifacts, such as oras",
  remove: "`berth profile rm NAME` does that",
};

/** The same after `berth rollout`. */
const wordsOfRollouts: Readonly<Record<string, string>> = {
  pause: "`berth apply` the Deployment with `paused: true`",
  resume: "`berth apply` the Deployment without `paused`",
};

/** Words of other tools, by the command after which they are typed. */
export const wordsBehind: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  berth: words,
  "berth image": wordsOfImages,
  "berth profile": wordsOfProfiles,
  "berth rollout": wordsOfRollouts,
};

/** Makes a command with subcommands give advice about an unknown subcommand. */
export function adviseOnUnknown(command: Command, path: string): void {
  const known = wordsBehind[path] ?? {};
  command.on("command:*", ([word = ""]: readonly string[]) => {
    throw unknownCommand(command, path, word, known);
  });
}

/** As {@link adviseOnUnknown}, for an unknown word after `help`. */
export function unknownCommand(
  command: Command,
  path: string,
  word: string,
  known = wordsBehind[path] ?? {},
): CliError {
  const advice = Object.hasOwn(known, word) ? known[word] : nearOf(command, word, path);
  return usageError(`unknown command \`${path} ${word}\`: ${advice}`);
}

/** Suggests only what may be a typing error: a wrong suggestion is worse than none. */
function nearOf(command: Command, word: string, path: string): string {
  const names = command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => sub.name());
  const near = names.filter((name) => isOneSlip(word, name));
  if (near.length === 0) return `\`${path} --help\` lists all commands`;
  return `did you mean ${near.map((name) => `\`${path} ${name}\``).join(" or ")}?`;
}

/** Whether one letter is superfluous, missing or wrong, or two are swapped. */
function isOneSlip(typed: string, meant: string): boolean {
  let start = 0;
  while (start < typed.length && typed[start] === meant[start]) start++;
  let end = 0;
  while (end < Math.min(typed.length, meant.length) - start && typed.at(-1 - end) === meant.at(-1 - end))
    end++;
  const [one, other] = [typed, meant].map((word) => word.slice(start, word.length - end));
  if (one === undefined || other === undefined) return false;
  if (one.length <= 1 && other.length <= 1) return true;
  return one.length === 2 && other.length === 2 && one[0] === other[1] && one[1] === other[0];
}
