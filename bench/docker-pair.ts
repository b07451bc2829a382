import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PullImageRequest } from "../src/ground/protocol/index.ts";
import { DockerClient } from "../src/parts/dockerapi/index.ts";
import { readHostFacts } from "../src/services/runtime/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { type BerthOptions, bridgeNetwork, TestBerth } from "../test/support/berth.ts";
import { startBusyboxRegistry } from "../test/support/busybox.ts";
import type { CriClients } from "../test/support/clients.ts";
import { podConfig } from "../test/support/requests.ts";
import { CpuGroup } from "./cpu-group.ts";
import { startCriDockerd } from "./cri-dockerd.ts";

/** A runtime on top of the Docker Engine. */
export type DockerSubject = {
  readonly name: "berth" | "cri-dockerd";
  readonly clients: CriClients;
  readonly socket: string;
  readonly logs: string;
  /** The runtime and the CNI plugins that it starts. */
  readonly group: CpuGroup;
};

/** berth and cri-dockerd on one Docker Engine, each with its own bridge; the engine has the busybox image. */
export class DockerPair implements AsyncDisposable {
  readonly image: string;
  /** berth first. */
  readonly subjects: readonly [DockerSubject, DockerSubject];
  readonly engineVersion: string;
  /** The engine itself, without a runtime. */
  readonly engine: DockerClient;
  /** dockerd, its containerd, and the shims and OCI runtimes that these start. */
  readonly engineGroup: CpuGroup;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    image: string,
    subjects: readonly [DockerSubject, DockerSubject],
    engine: { readonly version: string; readonly group: CpuGroup; readonly client: DockerClient },
    parts: AsyncDisposableStack,
  ) {
    this.image = image;
    this.subjects = subjects;
    this.engineVersion = engine.version;
    this.engine = engine.client;
    this.engineGroup = engine.group;
    this.#parts = parts;
  }

  static async start(options: Pick<BerthOptions, "config" | "docker"> = {}): Promise<DockerPair> {
    await using parts = new AsyncDisposableStack();
    const registry = parts.use(await startBusyboxRegistry());
    const directory = parts.use(await tempDir());
    const runtime = await permissiveRuntime(directory.path);
    const berth = parts.use(
      await TestBerth.start({
        engine: "docker",
        ...options,
        docker: { ...options.docker, ...(runtime !== undefined && { runtime }) },
        network: bridgeNetwork({ benchmark: true }),
        logLevel: "info",
      }),
    );
    const { docker } = berth;
    if (docker === undefined) throw new Error("there is no Docker Engine");
    const peer = parts.use(await startCriDockerd(docker.host, await pauseImage(berth.clients)));
    const image = { image: registry.image };
    await berth.clients.images.pullImage(PullImageRequest.fromPartial({ image }));
    const containerd = await readFile(join(berth.directory, "docker/exec/containerd/containerd.pid"), "utf8");
    const client = parts.use(new DockerClient({ endpoint: { kind: "unix", path: docker.socket } }));
    await client.agree();
    const group = async (...pids: readonly number[]) => parts.use(await CpuGroup.of(...pids));
    return new DockerPair(
      registry.image,
      [
        {
          name: "berth",
          clients: berth.clients,
          socket: berth.socket,
          logs: berth.logDir,
          group: await group(berth.pid),
        },
        {
          name: "cri-dockerd",
          clients: peer.clients,
          socket: peer.socket,
          logs: join(peer.directory, "logs"),
          group: await group(peer.pid),
        },
      ],
      { version: await docker.version(), group: await group(docker.pid, Number(containerd)), client },
      parts.move(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** The image that berth creates with its first pod, which exits on a signal: the peer uses it, too. */
async function pauseImage({ runtime, images }: CriClients): Promise<string> {
  const config = podConfig("first");
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "" });
  await runtime.removePodSandbox({ podSandboxId });
  const listed = await images.listImages({ filter: undefined });
  const [name] = listed.images.flatMap(({ repoTags }) => repoTags);
  if (name === undefined) throw new Error("berth made no image of its sandboxes");
  return name;
}

/**
 * cri-dockerd requests an oom_score_adj for sandboxes that is not allowed everywhere, and has no setting for
 * it: in that case, runc gets the lowest allowed one, for both. Undefined if that is not needed.
 */
async function permissiveRuntime(directory: string): Promise<string | undefined> {
  const { minOomScoreAdj } = await readHostFacts();
  if (minOomScoreAdj <= -998) return undefined;
  const path = join(directory, "runc");
  const script = `#!/bin/sh
for argument; do
  [ "$before" != --bundle ] || sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":${minOomScoreAdj}/' "$argument/config.json"
  before=$argument
done
exec runc "$@"
`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}
