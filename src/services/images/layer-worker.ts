/** The thread that talks to registries and unpacks layers and archives. Started by worker-pool.ts. */
import { parentPort } from "node:worker_threads";
import { sentError, threadIsLoaded } from "../../ground/threads/index.ts";
import { createRegistry, PlainHosts, type Registry } from "../../parts/registry/index.ts";
import { runLayerJob } from "./layer-job.ts";
import { runPeerJob } from "./peer-job.ts";
import { stageArchive } from "./stage-archive.ts";
import type { FromWorker, Job, Outcome, RegistryJob, ToWorker } from "./worker-messages.ts";

const progressIntervalMs = 100;

/** Keeps a session's registry while jobs use it, and then until a job of another session comes. */
class RegistryCache {
  readonly #kept = new Map<string, { readonly registry: Registry; users: number }>();
  readonly #knownPlain = new PlainHosts();
  readonly #send: (message: FromWorker) => void;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  use({
    session,
    registry: options,
    logsRequests = false,
  }: RegistryJob): Disposable & { readonly registry: Registry } {
    const log = (text: string) => this.#send({ kind: "request", session, text });
    const kept = this.#kept.get(session) ?? {
      registry: createRegistry(options, this.#knownPlain, logsRequests ? log : undefined),
      users: 0,
    };
    this.#kept.set(session, kept);
    kept.users++;
    for (const [other, { registry, users }] of this.#kept) {
      if (users > 0) continue;
      this.#kept.delete(other);
      void registry[Symbol.asyncDispose]();
    }
    return { registry: kept.registry, [Symbol.dispose]: () => void kept.users-- };
  }
}

async function run(
  job: Job,
  registries: RegistryCache,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Outcome> {
  switch (job.kind) {
    case "probe": {
      using used = registries.use(job);
      return { kind: "probe", descriptor: await used.registry.probe(job.reference, signal) };
    }
    case "resolve": {
      using used = registries.use(job);
      return { kind: "resolve", ...(await used.registry.resolve(job.reference, signal)) };
    }
    case "fetchSmall": {
      using used = registries.use(job);
      return {
        kind: "fetchSmall",
        bytes: await used.registry.fetchSmall(job.reference, job.descriptor, signal),
      };
    }
    case "listReferrers": {
      using used = registries.use(job);
      const { reference, subject, artifactType } = job;
      return {
        kind: "listReferrers",
        referrers: await used.registry.listReferrers(reference, subject, artifactType, signal),
      };
    }
    case "fetchFile": {
      using used = registries.use(job);
      return {
        kind: "fetchFile",
        bytes: await used.registry.fetchFile(new URL(job.url), job.maxBytes, signal),
      };
    }
    case "hasManifest": {
      using used = registries.use(job);
      return {
        kind: "hasManifest",
        found: await used.registry.hasManifest(job.reference, job.descriptor, signal),
      };
    }
    case "pushManifest": {
      using used = registries.use(job);
      await used.registry.pushManifest(job.reference, job.descriptor, job.bytes, signal);
      return { kind: "pushManifest" };
    }
    case "pushBlob": {
      using used = registries.use(job);
      const { reference, descriptor, path, mountFrom } = job;
      const source = { path, mountFrom, onBytes };
      return {
        kind: "pushBlob",
        pushed: await used.registry.pushBlob(reference, descriptor, source, signal),
      };
    }
    case "fromPeers":
      return { kind: "fromPeers", ...(await runPeerJob(job, signal, onBytes)) };
    case "layer": {
      using used = job.origin.kind === "registry" ? registries.use(job.origin) : undefined;
      return { kind: "layer", applied: await runLayerJob(job, used?.registry, signal, onBytes) };
    }
    case "stage":
      return { kind: "stage", files: await stageArchive(job, signal) };
  }
}

function serve(port: NonNullable<typeof parentPort>): void {
  const aborts = new Map<number, AbortController>();
  const send = (message: FromWorker): void => port.postMessage(message);
  const registries = new RegistryCache(send);

  const work = async (id: number, job: Job): Promise<void> => {
    const abort = new AbortController();
    aborts.set(id, abort);
    let reportedAtMs = performance.now();
    const onBytes = (bytes: number): void => {
      if (performance.now() - reportedAtMs < progressIntervalMs) return;
      reportedAtMs = performance.now();
      send({ kind: "progress", id, bytes });
    };
    try {
      send({ kind: "done", id, outcome: await run(job, registries, abort.signal, onBytes) });
    } catch (error) {
      send({ kind: "failed", id, error: sentError(error) });
    } finally {
      aborts.delete(id);
    }
  };

  port.on("message", (message: ToWorker) => {
    if (message.kind === "abort") aborts.get(message.id)?.abort();
    else void work(message.id, message.job);
  });
}

threadIsLoaded();
if (parentPort !== null) serve(parentPort);
