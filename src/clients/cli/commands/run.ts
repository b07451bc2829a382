import { resolve } from "node:path";
import type { Command } from "commander";
import { type Client, Hold, imageStatus } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError, exitCode, usageError } from "../errors.ts";
import { refusedFields } from "../generate/refused-fields.ts";
import type { Invocation, Io } from "../invocation.ts";
import { applyManifests } from "../objects/apply-manifests.ts";
import { addConnectionOptions, addOutputOption, collect, optionsOf } from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { styleFor } from "../output/style.ts";
import { write } from "../output/write.ts";
import { keptCredentials } from "../pull/credentials.ts";
import { pullImage } from "../pull/pull-image.ts";
import { createReporter } from "../pull/reporter.ts";
import { readEnvFiles } from "../run/env-files.ts";
import { brokenPipe, followToEnd } from "../run/follow.ts";
import { runInTerminal } from "../run/in-terminal.ts";
import { type RunPod, runManifest, runPod } from "../run/new-pod.ts";
import type { PullPolicy, RunOptions } from "../run/options.ts";
import { type Clients, startContainer } from "../run/start.ts";
import { addInteractiveOptions, addStreamOptions } from "../streams/options.ts";
import { planSession } from "../streams/session.ts";

const description = `Runs an image in a new pod (or, with --pod, in an existing one), shows its output and exits
with its exit status. The pod is then stopped; --rm also removes it. Ctrl-C stops the
container; with -i and -t it is sent to the container like any other key, and the detach keys
leave it running. --detach starts the container, prints its id and leaves it running. With
--restart berthd's pod manager keeps the pod, as "berth apply" would, also after restarts of the
machine. An image that begins with / or ./ is the archive of a checkpoint, which is restored.`;

const examples = `
Examples:
  berth run --rm busybox echo hello
  berth run --rm -it busybox sh
  berth run --rm -i busybox wc -l < words
  berth run -d --name web -p 8080:80 -v /srv/www:/usr/share/nginx/html:ro nginx
  berth run -d --name web --restart always -p 8080:80 nginx
  berth run --rm --pod web busybox wget -qO- localhost
  berth run -d --name web-copy /var/lib/checkpoints/web.tar
  berth run --dry-run -p 8080:80 nginx > web.yaml
  berth run --rm --cpus 0.5 --memory 256m --user 1000:1000 -e DEBUG=1 registry.example/job --all
`;

export function define(command: Command, invocation: Invocation): void {
  invocation.failureExitCode = exitCode.ownFailure;
  command
    .description(description)
    .argument("<image>", "reference or id of an image, or path of a checkpoint archive")
    .argument("[args...]", "arguments, instead of those of the image")
    .option("--name <name>", "name of the pod and the container")
    .option("-n, --namespace <namespace>", 'Kubernetes namespace of the pod (default "default")')
    .option("--pod <pod>", "run in this pod instead of a new one")
    .option("-d, --detach", "run in the background and print the container's id")
    .option("--rm", "remove the container when it ends, with its log and its pod")
    .addOption(
      command
        .createOption(
          "--restart <when>",
          "when to restart the container (default no); otherwise the pod is applied to berthd's pod manager",
        )
        .choices(["no", "on-failure", "always"]),
    )
    .option(
      "-e, --env <key=value>",
      "environment variable; KEY alone takes its value, if it has one, from the current environment (may be repeated)",
      collect,
    )
    .option(
      "--env-file <file>",
      "file of environment variables, one KEY=VALUE or KEY a line; --env overrides them (may be repeated)",
      collect,
    )
    .option(
      "-v, --volume <host:path[:options]>",
      "mount a path of this machine; options: ro, rslave, rshared",
      collect,
    )
    .option(
      "-p, --publish <[ip:]host:port>",
      "publish a port of the pod on this machine; append /udp or /sctp if needed",
      collect,
    )
    .option("--host-network", "use this machine's network")
    .option("-l, --label <key=value>", "label of the pod and the container (may be repeated)", collect)
    .option("--entrypoint <program>", "program, instead of the image's entrypoint")
    .option("-u, --user <uid[:gid]>", "user, by number or name, and group, by number")
    .option("-w, --workdir <path>", "working directory")
    .option("--cpus <count>", "CPU limit, such as 0.5")
    .option(
      "--security-opt <option>",
      "seccomp=unconfined|FILE, apparmor=unconfined|NAME, no-new-privileges (may be repeated)",
      collect,
    )
    .option(
      "--cap-add <capability>",
      "capability to add, such as NET_ADMIN, or ALL (may be repeated)",
      collect,
    )
    .option("--cap-drop <capability>", "capability to remove, or ALL (may be repeated)", collect)
    .option("--privileged", "give it all capabilities and this machine's devices, without confinement")
    .option("--read-only", "make its root file system read-only")
    .option("-m, --memory <size>", "memory limit, such as 512m")
    .option("--handler <name>", "runtime handler")
    .addOption(
      command
        .createOption("--pull <when>", "when to pull the image (default missing)")
        .choices(["missing", "always", "never"]),
    )
    .option("--log-dir <path>", "directory for the pod's logs (default /var/log/pods)")
    .option("--dry-run", "write the pod's manifest, and run nothing")
    .passThroughOptions();
  addOutputOption(command, ["yaml", "json"]);
  addInteractiveOptions(command);
  addStreamOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((image: string, args: string[]) => run(image, args, optionsOf<RunOptions>(command), invocation));
}

async function run(
  written: string,
  args: readonly string[],
  options: RunOptions,
  outer: Invocation,
): Promise<void> {
  refuseContradictions(options);
  const invocation = stoppedByBrokenPipe(outer);
  const image = /^\.{0,2}\//.test(written) ? resolve(written) : written;
  // Errors on the command line are reported before anything is pulled or created.
  const { io } = invocation;
  const env = [...(await readEnvFiles(options.envFile ?? [])), ...(options.env ?? [])];
  const pod = runPod({ image, args, options: { ...options, env }, env: io.env });
  if (options.dryRun === true) return await writeManifest(pod, options, io);
  if (isKept(options)) refuseUnwritten(pod, image);
  const detach = options.detach === true;
  const plan = planSession(detach ? {} : options, io);
  using work = await connect(options, invocation);
  using undo = await connect(options, { ...invocation, signal: new AbortController().signal });
  const clients: Clients = { work, undo };
  // Until the container has a record, nothing else keeps the image while the pod is created.
  await using imageHold = await Hold.ofImage(work, image).take();
  const imageId = await ensureImage(work, image, options.pull ?? "missing", io);
  if (isKept(options)) return await applyManifests(work, [runManifest(pod)], {}, io);
  const request = { pod, imageId, options, imageHold };
  if (plan.stdin && plan.tty) {
    outer.exitCode = await runInTerminal(clients, request, plan, invocation);
    return;
  }
  const running = await startContainer(clients, request);
  if (detach) await write(io.stdout, `${running.containerId}\n`);
  else outer.exitCode = await followToEnd(clients, running, { options, plan }, invocation);
}

async function writeManifest(pod: RunPod, { output = "yaml" }: RunOptions, io: Io): Promise<void> {
  const { yellow } = styleFor(io.stderr, io.env);
  const manifest = runManifest(pod);
  const notes = [
    ...(pod.username === undefined
      ? []
      : [`the user ${pod.username} is left out: a manifest allows only numbers (runAsUser)`]),
    ...refusedFields(manifest),
  ];
  for (const note of notes) await write(io.stderr, `${yellow("warning:")} ${note}\n`);
  await write(io.stdout, await renderStructured(manifest, output));
}

/**
 * An invocation that is interrupted when the reader of its output goes away (`berth run x | head`): the
 * container must not keep running for nobody.
 */
function stoppedByBrokenPipe(invocation: Invocation): Invocation {
  const controller = new AbortController();
  invocation.io.onBrokenPipe = () => controller.abort(brokenPipe);
  return { ...invocation, signal: AbortSignal.any([invocation.signal, controller.signal]) };
}

/** Whether berthd's manager keeps the pod, and restarts it. */
function isKept({ restart = "no" }: RunOptions): boolean {
  return restart !== "no";
}

function refuseContradictions(options: RunOptions): void {
  if (isKept(options)) refuseForKept(options);
  if (options.hostNetwork === true && options.publish !== undefined)
    throw usageError(
      "--publish has no effect with --host-network: what listens in the pod listens on this machine",
    );
  if (options.output !== undefined && options.dryRun !== true)
    throw usageError("--output is the format for --dry-run; add --dry-run");
  if (options.pod === undefined) return;
  const ofNewPods = [
    ["--namespace", options.namespace],
    ["--publish", options.publish],
    ["--host-network", options.hostNetwork],
    ["--handler", options.handler],
    ["--dry-run", options.dryRun],
  ] as const;
  const given = ofNewPods.find(([, value]) => value !== undefined);
  if (given !== undefined) throw usageError(`${given[0]} is for a new pod, but --pod names an existing one`);
}

function refuseForKept({ detach, dryRun, pod, rm, logDir }: RunOptions): void {
  if (detach !== true && dryRun !== true)
    throw usageError("--restart needs --detach: a container that is restarted has no end to wait for");
  const given = [
    ["--pod", pod],
    ["--rm", rm],
    ["--log-dir", logDir],
  ] as const;
  const [found] = given.find(([, value]) => value !== undefined) ?? [];
  if (found !== undefined)
    throw usageError(`${found} has no effect with --restart: berthd's pod manager keeps the pod and its log`);
}

/** Rejects options that a manifest cannot express. Throws CliError. */
function refuseUnwritten({ username }: RunPod, image: string): void {
  if (username !== undefined)
    throw usageError(`--restart needs a user by number, not ${username}: the pod is kept as a manifest`);
  if (image.startsWith("/")) throw usageError("--restart cannot be used with a checkpoint archive");
}

/**
 * Returns the id of the image, after pulling it if the policy says so. Throws CliError NotFound if it is
 * missing and may not be pulled.
 */
async function ensureImage(client: Client, reference: string, policy: PullPolicy, io: Io): Promise<string> {
  // A path means a checkpoint's archive, as in CRI's CreateContainer.
  if (reference.startsWith("/")) return reference;
  const present = policy === "always" ? undefined : (await imageStatus(client, reference))?.image.id;
  if (present !== undefined) return present;
  if (policy === "never")
    throw new CliError("NotFound", `image ${reference} not found, and --pull=never is set`);
  using reporter = createReporter(io);
  const credentials = await keptCredentials(reference, io);
  return await pullImage(client, { reference, credentials }, reporter);
}
