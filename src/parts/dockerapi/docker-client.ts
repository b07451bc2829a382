import type { Duplex } from "node:stream";
import type { ErrorCode } from "../../ground/errors/index.ts";
import { DockerError } from "./docker-error.ts";
import { DockerHttp, type DockerHttpOptions, type DockerRequest } from "./http.ts";
import { readJsonLines } from "./json-lines.ts";
import type {
  ContainerDetails,
  ContainerSummary,
  DiskUsage,
  DockerCredentials,
  DockerEvent,
  DockerImage,
  DockerInfo,
  DockerProgress,
  DockerResources,
  ExecDetails,
  ImageSummary,
  NewContainer,
  NewExec,
} from "./types.ts";
import { agreeOnVersion, type EngineVersion, isAtLeast } from "./version.ts";

type Signal = AbortSignal | undefined;

/**
 * A Docker Engine, by its HTTP API (https://docs.docker.com/reference/api/engine/). Every method throws
 * DockerError: Unavailable when the engine does not answer, else by its status; and the signal's reason.
 */
export class DockerClient implements Disposable {
  readonly #http: DockerHttp;
  #version = "";

  constructor(options: DockerHttpOptions) {
    this.#http = new DockerHttp(options);
  }

  /** As a user writes where the engine listens. */
  get name(): string {
    return this.#http.name;
  }

  /** Agrees on a version of the API: before anything else is asked, and after the engine was away. */
  async agree(signal?: Signal): Promise<EngineVersion & { readonly agreed: string }> {
    this.#http.prefix = "";
    const version = await this.#http.json<EngineVersion>({ method: "GET", path: "/version", signal });
    this.#version = agreeOnVersion(version);
    this.#http.prefix = `/v${this.#version}`;
    return { ...version, agreed: this.#version };
  }

  /** Whether the version that was agreed on is that one or a newer one. */
  has(version: string): boolean {
    return this.#version !== "" && isAtLeast(this.#version, version);
  }

  /** Resolves when it answers at all. */
  async ping(signal?: Signal): Promise<void> {
    await this.#http.json({ method: "HEAD", path: "/_ping", signal });
  }

  info(signal?: Signal): Promise<DockerInfo> {
    return this.#http.json({ method: "GET", path: "/info", signal });
  }

  /** Events from the moment at which this resolves, until the signal or the engine ends them. */
  async events(
    filters: Readonly<Record<string, readonly string[]>>,
    signal: AbortSignal,
  ): Promise<AsyncIterable<DockerEvent>> {
    const query = { filters: JSON.stringify(filters) };
    return readJsonLines(await this.#http.stream({ method: "GET", path: "/events", query, signal }));
  }

  /** Also of those that do not run. */
  containers(
    filters: Readonly<Record<string, readonly string[]>>,
    signal?: Signal,
  ): Promise<readonly ContainerSummary[]> {
    const query = { all: true, filters: JSON.stringify(filters) };
    return this.#http.json({ method: "GET", path: "/containers/json", query, signal });
  }

  /** By id or by name. */
  container(idOrName: string, signal?: Signal): Promise<ContainerDetails> {
    const path = `/containers/${encodeURIComponent(idOrName)}/json`;
    return this.#http.json({ method: "GET", path, signal });
  }

  /** What it has written, measured now; the number of files and directories that differ from its image's. */
  async containerLayer(id: string): Promise<{ readonly sizeBytes: number; readonly changed: number }> {
    const query = { size: true };
    const details = await this.#http.json<{ readonly SizeRw?: number }>({
      method: "GET",
      path: `/containers/${id}/json`,
      query,
    });
    const path = `/containers/${id}/changes`;
    const changes = await this.#http.json<readonly object[] | null>({ method: "GET", path });
    return { sizeBytes: details.SizeRw ?? 0, changed: changes?.length ?? 0 };
  }

  async createContainer(name: string, body: NewContainer, signal?: Signal): Promise<string> {
    const request = { method: "POST", path: "/containers/create", query: { name }, body, signal } as const;
    return (await this.#http.json<{ readonly Id: string }>(request)).Id;
  }

  async startContainer(id: string, signal?: Signal): Promise<void> {
    await this.#http.json({ method: "POST", path: `/containers/${id}/start`, signal });
  }

  /** Resolves when it has ended; seconds, rounded up, until it is killed. */
  async stopContainer(id: string, timeoutMs: number, signal?: Signal): Promise<void> {
    const query = { t: Math.ceil(timeoutMs / 1000) };
    await this.#http.json({ method: "POST", path: `/containers/${id}/stop`, query, signal });
  }

  /** Resolves when it runs no more. */
  async waitForContainer(id: string, signal?: Signal): Promise<void> {
    await this.#http.json({ method: "POST", path: `/containers/${id}/wait`, signal });
  }

  async killContainer(id: string): Promise<void> {
    await this.#http.json({ method: "POST", path: `/containers/${id}/kill` });
  }

  /** A file of its root file system, whether it runs or not, as an archive; a link is not followed. */
  async containerFile(id: string, path: string): Promise<AsyncIterable<Buffer>> {
    return await this.#http.stream({ method: "GET", path: `/containers/${id}/archive`, query: { path } });
  }

  async renameContainer(id: string, name: string): Promise<void> {
    await this.#http.json({ method: "POST", path: `/containers/${id}/rename`, query: { name } });
  }

  /** Kills it if it runs; its anonymous volumes go with it. */
  async removeContainer(id: string): Promise<void> {
    const query = { force: true, v: true };
    await this.#http.json({ method: "DELETE", path: `/containers/${id}`, query });
  }

  async updateContainer(id: string, resources: DockerResources): Promise<void> {
    await this.#http.json({ method: "POST", path: `/containers/${id}/update`, body: resources });
  }

  /** Its streams from now on: raw with a terminal, frames without ({@link "./frames.ts".readFrames}). */
  attach(id: string, stdin: boolean, signal: AbortSignal): Promise<Duplex> {
    const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
    return this.#http.hijack({ method: "POST", path: `/containers/${id}/attach`, query, signal });
  }

  async resizeContainer(id: string, height: number, width: number): Promise<void> {
    await this.#http.json({
      method: "POST",
      path: `/containers/${id}/resize`,
      query: { h: height, w: width },
    });
  }

  /**
   * What it has written, and will write if it is followed, which ends with the container; each message with
   * its time before it.
   */
  async logs(
    id: string,
    part: {
      /** With a fraction of nine digits. */
      readonly since: string;
      readonly follow: boolean;
      /** No more than so many of the last messages. */
      readonly tail?: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const query = { stdout: true, stderr: true, timestamps: true, ...part };
    return await this.#http.stream({ method: "GET", path: `/containers/${id}/logs`, query, signal });
  }

  async createExec(id: string, body: NewExec, signal?: Signal): Promise<string> {
    const path = `/containers/${id}/exec`;
    const request = { method: "POST", path, body: { ...body, DetachKeys: detachKeys }, signal } as const;
    return (await this.#http.json<{ readonly Id: string }>(request)).Id;
  }

  /** Starts it; its streams are as those of {@link attach}. */
  startExec(id: string, tty: boolean, signal?: Signal): Promise<Duplex> {
    const body = { Detach: false, Tty: tty };
    return this.#http.hijack({ method: "POST", path: `/exec/${id}/start`, body, signal });
  }

  exec(id: string, signal?: Signal): Promise<ExecDetails> {
    return this.#http.json({ method: "GET", path: `/exec/${id}/json`, signal });
  }

  async resizeExec(id: string, height: number, width: number): Promise<void> {
    await this.#http.json({ method: "POST", path: `/exec/${id}/resize`, query: { h: height, w: width } });
  }

  /** Without those that are only layers of others. */
  images(): Promise<readonly ImageSummary[]> {
    return this.#http.json({ method: "GET", path: "/images/json", query: { digests: true } });
  }

  /**
   * The size of all images in bytes, with what they share counted once. Undefined for engines before API
   * 1.42, which measure all containers and volumes whenever they are asked for this.
   */
  async imagesSize(): Promise<number | undefined> {
    if (!this.has("1.42")) return undefined;
    const query = { type: "image", verbose: this.has("1.52") ? false : undefined };
    const usage = await this.#http.json<DiskUsage>({ method: "GET", path: "/system/df", query });
    return usage.ImageUsage?.TotalSize ?? usage.LayersSize;
  }

  image(idOrReference: string): Promise<DockerImage> {
    return this.#http.json({ method: "GET", path: `/images/${pathOf(idOrReference)}/json` });
  }

  async tagImage(idOrReference: string, repository: string, tag: string): Promise<void> {
    const query = { repo: repository, tag };
    await this.#http.json({ method: "POST", path: `/images/${pathOf(idOrReference)}/tag`, query });
  }

  async removeImage(idOrReference: string, force: boolean): Promise<void> {
    await this.#http.json({ method: "DELETE", path: `/images/${pathOf(idOrReference)}`, query: { force } });
  }

  /** Pulls by name, with a tag or digest; yields what is told of its progress. */
  async *pullImage(
    { name, reference }: { readonly name: string; readonly reference: string },
    credentials: DockerCredentials | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<DockerProgress> {
    const query = { fromImage: name, tag: reference };
    const headers = authHeader(credentials);
    yield* this.#withRegistry({ method: "POST", path: "/images/create", query, headers, signal });
  }

  /** Pushes a tag. */
  async *pushImage(
    { name, tag }: { readonly name: string; readonly tag: string },
    credentials: DockerCredentials | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<DockerProgress> {
    const path = `/images/${pathOf(name)}/push`;
    // The header must be there, also for nobody.
    const headers = authHeader(credentials ?? {});
    yield* this.#withRegistry({ method: "POST", path, query: { tag }, headers, signal });
  }

  /** Takes in an archive as `docker save` and OCI layouts are; returns what it says it brought. */
  async loadImages(archive: NodeJS.ReadableStream | Uint8Array, signal?: Signal): Promise<readonly string[]> {
    const request = { method: "POST", path: "/images/load", query: { quiet: true }, body: archive } as const;
    const loaded: string[] = [];
    for await (const { stream = "" } of this.#progress({ ...request, signal })) {
      const found = /^Loaded image(?: ID)?: (\S+)/.exec(stream);
      if (found?.[1] !== undefined) loaded.push(found[1]);
    }
    return loaded;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  /** A registry's refusal has the status 500, whatever it is. */
  async *#withRegistry(request: DockerRequest): AsyncGenerator<DockerProgress> {
    try {
      yield* this.#progress(request);
    } catch (error) {
      if (!(error instanceof DockerError) || error.code !== "Internal") throw error;
      throw new DockerError(codeOfMessage(error.message), error.message);
    }
  }

  /** A failure after the first byte is a message of its own: the status was 200 by then. */
  async *#progress(request: DockerRequest): AsyncGenerator<DockerProgress> {
    const answer = await this.#http.stream(request);
    for await (const message of readJsonLines<DockerProgress>(answer)) {
      const error = message.errorDetail?.message ?? message.error;
      if (error !== undefined)
        throw new DockerError(codeOfMessage(error), `Docker ${request.path}: ${error}`);
      yield message;
    }
  }
}

/**
 * The keys by which somebody at a terminal leaves it. Without a choice they are control-P and control-Q, and
 * the first of them, by which shells show the last line, is kept back until the next key; there is no way to
 * have none. So it is a key that is little used, so often that nobody types it.
 */
const detachKeys = Array(32).fill("ctrl-^").join(",");

function authHeader(credentials: DockerCredentials | undefined): Readonly<Record<string, string>> {
  if (credentials === undefined) return {};
  // Engines before 28 want the padding too, and take what lacks it for no credentials at all.
  const text = Buffer.from(JSON.stringify(credentials)).toString("base64");
  return { "X-Registry-Auth": text.replaceAll("+", "-").replaceAll("/", "_") };
}

/** Names hold slashes, which are the path's own. */
function pathOf(reference: string): string {
  return reference.split("/").map(encodeURIComponent).join("/");
}

/** The engine hands on a registry's words alone. */
function codeOfMessage(message: string): ErrorCode {
  if (/unauthorized|authentication required|no basic auth credentials/i.test(message))
    return "Unauthenticated";
  if (/not found|manifest unknown|does not exist/i.test(message)) return "NotFound";
  if (/denied/i.test(message)) return "PermissionDenied";
  return "Unavailable";
}
