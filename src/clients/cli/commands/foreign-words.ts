import type { Command } from "commander";
import { usageError } from "../errors.ts";

/** What people type who know docker, podman, nerdctl or crictl, and what to do here. */
const words: Readonly<Record<string, string>> = {
  build:
    "berth builds no images: build elsewhere, then `berth pull` it from a registry or `berth image import` it",
  commit:
    "berth makes no images: `berth checkpoint` writes down a running container, `berth cp` copies its files",
  container: "`berth ps`, `berth stop` and `berth rm` work with containers",
  create: "`berth run -d` makes a container and starts it",
  diff: "`berth checkpoint` writes down what a container has changed; `berth stats` shows how much",
  history: "`berth inspect IMAGE` shows an image's configuration",
  inspecti: "`berth inspect --type image NAME` does that",
  inspectp: "`berth inspect --type pod NAME` does that",
  list: "`berth ps` lists containers, `berth pods` pods, `berth images` images",
  load: "`berth image import ARCHIVE` does that",
  login:
    "credentials are given with `berth pull --creds USER`, or kept in /etc/berth/config.json (images.docker_config_files), which has the form of docker's",
  ls: "`berth ps` lists containers, `berth pods` pods, `berth images` images",
  network:
    "pod networks are CNI configurations in /etc/cni/net.d (network.conf_dir); `berth doctor` looks at them",
  pause: "a container cannot be paused; `berth checkpoint` writes down its state",
  port: "`berth inspect --type pod NAME` shows a pod's ports",
  prune: "`berth rm $(berth ps --state exited -q)` removes containers that have ended, `berth rmi` images",
  push: "berth uploads no images",
  rename: "names stay: `berth run --name NEW` makes another one",
  restart: "a container runs once: `berth rm NAME`, and `berth run` it again",
  rmp: "`berth rm --type pod NAME` does that",
  runp: "`berth run IMAGE` makes a pod with a container",
  save: "berth writes no archives of images",
  search: "berth does not search registries",
  start: "a container runs once: `berth rm NAME`, and `berth run` it again",
  stopp: "`berth stop --type pod NAME` does that",
  system: "`berth info` shows the runtime's state, `berth doctor` looks at the machine",
  tag: "names come with images: `berth pull` fetches one under another name",
  top: "`berth exec NAME ps` shows a container's processes where its image has ps, `berth stats` what containers use",
  unpause: "a container cannot be paused",
  volume: "paths of this machine are mounted with `berth run -v PATH:PATH`",
  wait: "`berth logs -f NAME` goes on until the container ends; `berth run` without -d ends with its exit status",
};

/** The same behind `berth image`. */
const wordsOfImages: Readonly<Record<string, string>> = {
  build: words.build ?? "",
  inspect: "`berth inspect --type image NAME` does that",
  list: "`berth images` does that",
  load: words.load ?? "",
  ls: "`berth images` does that",
  prune: "`berth rmi $(berth images -q)` removes all that no container uses",
  pull: "`berth pull NAME` does that",
  push: words.push ?? "",
  rm: "`berth rmi NAME` does that",
  save: words.save ?? "",
  tag: words.tag ?? "",
};

/** The same behind `berth profile`. */
const wordsOfProfiles: Readonly<Record<string, string>> = {
  list: "`berth profile ls` does that",
  prune: "`berth profile rm $(berth profile ls -q)` removes all; containers that run keep theirs",
  push: "berth uploads nothing: push a profile with a tool for artifacts, such as oras",
  remove: "`berth profile rm NAME` does that",
};

/** What peers call the same, by the command that it is typed behind. */
const wordsBehind: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  berth: words,
  "berth image": wordsOfImages,
  "berth profile": wordsOfProfiles,
};

/** Options of `berth run`'s peers. */
const optionWords: Readonly<Record<string, string>> = {
  "--cap-add":
    "capabilities are what a kubelet's containers have; `--user` and `--security-opt` change what may be done",
  "--hostname": "a pod's host name is its name: `--name`",
  "--ip": "addresses are given by the CNI configuration",
  "--mount": "`-v PATH:PATH[:OPTIONS]` mounts a path of this machine",
  "--net": "`--host-network` uses this machine's network, and pods have the CNI configuration's",
  "--network": "`--host-network` uses this machine's network, and pods have the CNI configuration's",
  "--privileged": "containers that may do everything are a kubelet's alone to make",
  "--restart":
    "a container runs once: a kubelet's static pod, or a systemd unit with `berth run --rm`, restarts one",
};

/** Has a command with subcommands say what to do for one that it has not got. */
export function adviseOnUnknown(command: Command, path: string): void {
  const known = wordsBehind[path] ?? {};
  command.on("command:*", ([word = ""]: readonly string[]) => {
    throw usageError(
      `there is no command \`${path} ${word}\`: ${known[word] ?? nearOf(command, word, path)}`,
    );
  });
}

/** What to do instead of an option that peers have; "" where it is none of theirs. */
export function adviceOnOption(error: string): string {
  const [, option = ""] = /unknown option '(--[a-z-]+)/.exec(error) ?? [];
  const advice = optionWords[option];
  return advice === undefined ? "" : `${advice}\n`;
}

/** Only what one would take for a slip of the hand: a suggestion that is wrong costs more than none. */
function nearOf(command: Command, word: string, path: string): string {
  const names = command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => sub.name());
  const near = names.filter((name) => isOneSlip(word, name));
  if (near.length === 0) return `\`${path} --help\` lists those that there are`;
  return `did you mean ${near.map((name) => `\`${path} ${name}\``).join(" or ")}?`;
}

/** One letter too many, missing or wrong, or two that changed places. */
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
