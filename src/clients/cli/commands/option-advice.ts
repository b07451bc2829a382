import type { Command } from "commander";

type OptionAdvice = {
  readonly options: readonly string[];
  /** Commands that users of other tools give these options; all if it is left out. */
  readonly commands?: readonly string[];
  readonly advice: string;
};

const byManifest =
  "a manifest can ask for that: `berth run --dry-run` writes one, `berth play` and `berth apply` run it";
const byNamespace = "name the namespace before the pod: NAMESPACE/POD";
const ofContainers = ["attach", "cp", "exec", "logs"];

/** Options of docker, podman, nerdctl, crictl and kubectl, and what to use here. */
export const optionAdvice: readonly OptionAdvice[] = [
  { options: ["-H", "--host"], advice: "`--address SOCKET` names another endpoint" },
  {
    options: ["-a", "--all"],
    commands: ["kill", "rm", "rmi", "stop"],
    advice:
      "`$(berth ps -aq)` stands for all containers, `$(berth pods -q)` for all pods, `$(berth images -q)` for all images",
  },
  {
    options: ["-c", "--container"],
    commands: ofContainers,
    advice: "name the container behind its pod: POD/CONTAINER",
  },
  { options: ["-n"], commands: ["attach", "cp", "exec", "port-forward"], advice: byNamespace },
  { options: ["--namespace"], commands: [...ofContainers, "port-forward"], advice: byNamespace },
  {
    options: ["-e", "--env"],
    commands: ["exec"],
    advice: "`berth exec NAME env KEY=VALUE PROGRAM` sets a variable for one command",
  },
  {
    options: ["-w", "--workdir"],
    commands: ["exec"],
    advice: "`berth exec NAME sh -c 'cd DIRECTORY && PROGRAM'` runs a command in a directory",
  },
  {
    options: ["-u", "--user"],
    commands: ["exec"],
    advice: "a command runs as its container's user; su may change that, if its image has it",
  },
  {
    options: ["-s", "--signal"],
    commands: ["kill", "stop"],
    advice: "only SIGKILL can be sent; `berth stop` sends the stop signal first",
  },
  {
    options: ["--interactive"],
    commands: ["attach", "exec", "run"],
    advice: "`--stdin`, or `-i`, passes our standard input to it",
  },
  { options: ["--prune"], commands: ["rmi"], advice: "`berth image prune --all` removes unused images" },
  {
    options: ["-v", "--volumes"],
    commands: ["rm"],
    advice: "`berth rm` also removes the volumes that an image declares; `berth run -v` mounts paths",
  },
  {
    options: ["--force", "--now"],
    commands: ["delete"],
    advice:
      "`berth delete --grace-period 0` ends pods at once, `berth rm --force` removes running containers",
  },
  {
    options: ["-p", "--previous"],
    commands: ["logs"],
    advice: "`berth ps -a` lists ended containers, whose logs are shown by their ids",
  },
  { options: ["--until"], commands: ["logs"], advice: "`--since` and `--tail` choose lines" },
  { options: ["--no-stream"], commands: ["stats"], advice: "that is the default; `--watch` repeats" },
  {
    options: ["--filter"],
    commands: ["images", "pods", "ps"],
    advice: "`--help` lists the options that select; jq selects by any field of `-o json`",
  },
  {
    options: ["--format"],
    commands: ["events", "image inspect", "images", "info", "inspect", "pods", "ps", "stats", "version"],
    advice: "`-o json` prints all fields, for jq",
  },
  {
    options: ["--password", "--username"],
    commands: ["profile pull", "pull", "push"],
    advice: "`--creds USER` names the user; the password is asked for, or read from stdin",
  },
  {
    options: ["-p", "--password"],
    commands: ["login"],
    advice: "other users of the machine could see it: it is asked for, or read from stdin",
  },
  ...ofRun(["-P", "--publish-all"], "`-p HOSTPORT:PORT` publishes a port, also several times"),
  ...ofRun(["--cidfile"], "`-d` prints the container's id"),
  ...ofRun(["--device"], "only containers with `--privileged` have this machine's devices"),
  ...ofRun(["--image"], "the image is an argument: `berth run --name NAME IMAGE`"),
  ...ofRun(["--hostname"], "the host name is the pod's name: use `--name`"),
  ...ofRun(
    ["--init"],
    "a pod with `shareProcessNamespace: true` has a process that reaps orphans: `berth play` runs it",
  ),
  ...ofRun(["--ip"], "addresses are assigned by the CNI configuration"),
  ...ofRun(
    ["--link"],
    "containers of one pod reach each other at localhost: `--pod` runs in an existing one",
  ),
  ...ofRun(
    ["--log-driver", "--log-opt"],
    "a container's log is a file in CRI's format: `berth logs` shows it",
  ),
  ...ofRun(["--mount"], "`-v PATH:PATH[:OPTIONS]` mounts a path of this machine"),
  ...ofRun(
    ["--net", "--network"],
    "pods use the network of the CNI configuration, or this machine's with `--host-network`",
  ),
  ...ofRun(
    ["--platform"],
    "the image is taken for this machine's platform: `berth pull --platform` pulls others",
  ),
  ...ofRun(["--runtime"], "`--handler NAME` chooses the runtime"),
  ...ofRun(["--shm-size"], "a manifest can mount a volume in memory on /dev/shm: `berth play` runs it"),
  ...ofRun(["--stop-timeout"], "`berth stop -t SECONDS` chooses it"),
  ...ofRun(
    ["--ulimit"],
    "container.default_ulimits in berthd's configuration sets limits for all containers",
  ),
  ...ofRun(
    ["--add-host", "--dns", "--group-add", "--ipc", "--pid", "--sysctl", "--tmpfs", "--userns"],
    byManifest,
  ),
];

function ofRun(options: readonly string[], advice: string): readonly OptionAdvice[] {
  return [{ options, commands: ["run"], advice }];
}

/**
 * A message of commander about an unknown option of a command, without the option's value, which may be a
 * password, and with advice about one that other tools have there.
 */
export function withAdvice(message: string, command: Command): string {
  const error = message.replace(/^(berth: unknown option '(?:--[^=']*|-[^-'])).*'/s, "$1'");
  const [, option = ""] = /unknown option '(--?[A-Za-z-]+)/.exec(error) ?? [];
  const path = pathOf(command);
  const found = optionAdvice.find(
    ({ options, commands }) => options.includes(option) && (commands?.includes(path) ?? true),
  );
  if (found === undefined) return error;
  const lines = error.split("\n").filter((line) => line !== "" && !line.startsWith("(Did you mean "));
  return `${[...lines, found.advice].join("\n")}\n`;
}

/** The words of a command behind `berth`, such as `image prune`. */
function pathOf(command: Command): string {
  const above = command.parent;
  if (above === null) return "";
  return `${pathOf(above)} ${command.name()}`.trim();
}
