import { statfs } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../../ground/errors/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";
import {
  type DockerClient,
  type DockerCredentials,
  DockerError,
  type DockerImage,
  type ImageSummary,
} from "../../parts/dockerapi/index.ts";
import { formatReference, parseReference, repositoryName } from "../../parts/oci/index.ts";
import type { Credentials } from "../../parts/registry/index.ts";
import type { FsUsage, Image, ImageCatalog, PrunedImages, PullRequest } from "../../services/images/index.ts";
import { EngineError, type PruneImagesRequest } from "../engine/index.ts";
import { namesOf, toImage } from "./docker-image.ts";
import { hasOurLabels } from "./names-and-labels.ts";

export type DockerImagesOptions = {
  readonly client: Pick<
    DockerClient,
    "images" | "image" | "imagesSize" | "pullImage" | "tagImage" | "removeImage" | "containers"
  >;
  /** Whether garbage collection must keep the image. */
  readonly isPinned: (image: Pick<Image, "repoTags" | "repoDigests">) => boolean;
  /** A pull without progress for this long is aborted; 0 is no limit. */
  readonly progressTimeoutMs: number;
  readonly rootDir: () => Promise<string>;
  readonly requireEngine: () => void;
};

/** Docker's images, cached in memory. An image's id is Docker's, the digest of its configuration. */
export class DockerImages implements ImageCatalog {
  readonly #options: DockerImagesOptions;
  readonly #known = new Map<string, Image>();
  /** How often an image was read by itself, newer than a list that was requested before. */
  #takes = 0;
  readonly #looks: Coalescer;
  /** The size of all images, measured since the last change. */
  #size: Promise<number> | undefined;
  readonly #holds = new Set<{ readonly reference: string }>();

  constructor(options: DockerImagesOptions) {
    this.#options = options;
    this.#looks = new Coalescer(() => this.#look());
  }

  /** Reads the engine's list again. */
  async refresh(): Promise<void> {
    await this.#looks.run();
  }

  async #look(): Promise<void> {
    let isCurrent = false;
    while (!isCurrent) isCurrent = await this.#readList();
  }

  /** Returns false if the names of the list may be older than those that a pull has read meanwhile. */
  async #readList(): Promise<boolean> {
    const { client } = this.#options;
    // Images that are pulled while Docker prepares its answer may be missing from it.
    const before = [...this.#known.keys()];
    const takes = this.#takes;
    const summaries = await client.images();
    const present = new Set(summaries.map(({ Id }) => Id));
    const added: DockerImage[] = [];
    for (const { Id } of summaries) {
      const details = this.#known.has(Id) ? undefined : await client.image(Id).catch(absent);
      if (details !== undefined) added.push(details);
    }
    this.#size = undefined;
    // All at once, so that no tag is missing in between, or has two images.
    for (const id of before) if (!present.has(id)) this.#known.delete(id);
    const isNewest = this.#takes === takes;
    // The id is a digest of the content, so that only the names can have changed.
    if (isNewest)
      for (const summary of summaries) this.#rename(this.#known.get(summary.Id), namesOf(summary));
    for (const details of added) this.#take(details);
    return isNewest || summaries.every((summary) => this.#isNamedSo(summary));
  }

  #isNamedSo(summary: ImageSummary): boolean {
    const known = this.#known.get(summary.Id);
    return known === undefined || isNamed(known, namesOf(summary));
  }

  #rename(image: Image | undefined, names: Names): void {
    if (image === undefined || isNamed(image, names)) return;
    this.#known.set(image.id, { ...image, ...names, pinned: this.#options.isPinned(names) });
  }

  /** A tag has one image: that which had it before has lost it. */
  #take(details: DockerImage): Image {
    const image = toImage(details, this.#options.isPinned);
    this.#takes++;
    this.#size = undefined;
    const tags = new Set(image.repoTags);
    for (const other of this.#known.values()) {
      const { repoTags, repoDigests } = other;
      this.#rename(other, { repoTags: repoTags.filter((tag) => !tags.has(tag)), repoDigests });
    }
    this.#known.set(image.id, image);
    return image;
  }

  async pull({ reference, credentials, onProgress }: PullRequest, signal?: AbortSignal): Promise<Image> {
    const { client, progressTimeoutMs } = this.#options;
    const parsed = parseReference(reference);
    const wanted = { name: repositoryName(parsed), reference: parsed.digest ?? parsed.tag ?? "latest" };
    const stalled = new AbortController();
    const ending = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
    const watch =
      progressTimeoutMs === 0
        ? undefined
        : setTimeout(() => stalled.abort(stall(reference, progressTimeoutMs)), progressTimeoutMs);
    try {
      onProgress?.({ kind: "resolved", layers: [] });
      for await (const _ of client.pullImage(wanted, toDocker(credentials), ending)) watch?.refresh();
    } catch (error) {
      throw pullFailure(error, reference);
    } finally {
      clearTimeout(watch);
    }
    const name = parsed.digest === undefined ? formatReference(parsed) : `${wanted.name}@${parsed.digest}`;
    return this.#take(await client.image(name));
  }

  async pullAny(request: Parameters<ImageCatalog["pullAny"]>[0], signal?: AbortSignal) {
    if (request.platform !== undefined) throw refused("images for other platforms", "docker pull --platform");
    return { id: (await this.pull(request, signal)).id };
  }

  list(): readonly Image[] {
    this.#options.requireEngine();
    return [...this.#known.values()];
  }

  find(idOrReference: string): Image | undefined {
    const all = this.list();
    const byId = matchingId(all, idOrReference);
    if (byId !== undefined) return byId;
    const name = nameOf(idOrReference);
    return all.find(({ repoTags, repoDigests }) => repoTags.includes(name) || repoDigests.includes(name));
  }

  async remove(idOrReference: string): Promise<void> {
    const image = this.find(idOrReference);
    if (image === undefined) return;
    const other = await this.#otherUser(image);
    if (other !== undefined) {
      throw new EngineError(
        "FailedPrecondition",
        `image ${idOrReference} is used by container ${other}, which is not a pod's; remove that first`,
      );
    }
    const { client } = this.#options;
    // By name: Docker refuses to remove an image by id if it has several names.
    const names = [...image.repoTags, ...image.repoDigests, image.id];
    let kept: unknown;
    let isRemoved = false;
    for (const name of names) {
      try {
        await client.removeImage(name, true);
        isRemoved = true;
      } catch (error) {
        if (hasCode(error, "FailedPrecondition")) kept = error;
        else absent(error);
      }
    }
    // Without a name, the image stays while containers run from it or images are built on it; with
    // containerd's image store, it then keeps its last name.
    if (kept !== undefined && !isRemoved) throw kept;
    await this.refresh();
  }

  async untag(reference: string): Promise<readonly string[]> {
    const image = this.find(reference);
    const name = nameOf(reference);
    if (image === undefined || !image.repoTags.includes(name) || image.repoTags.length === 1) return [];
    await this.#options.client.removeImage(name, false);
    await this.refresh();
    return [name];
  }

  async tag(idOrReference: string, tag: string): Promise<string> {
    const image = this.#required(idOrReference);
    const parsed = parseReference(tag);
    await this.#options.client.tagImage(image.id, repositoryName(parsed), parsed.tag ?? "latest");
    this.#take(await this.#options.client.image(image.id));
    return formatReference(parsed);
  }

  async prune(
    request: PruneImagesRequest & { readonly isUsed: (image: Image) => boolean },
  ): Promise<PrunedImages> {
    if (request.namedBeforeNs !== undefined)
      throw refused("image prune by age", "docker image prune --filter until=");
    const unwanted = this.list().filter(
      (image) =>
        (request.which === "all" || image.repoTags.length === 0) &&
        !image.pinned &&
        (request.labels ?? []).every((label) => hasLabel(image, label)) &&
        !(request.withoutLabels ?? []).some((label) => hasLabel(image, label)),
    );
    const removed: Image[] = [];
    for (const image of unwanted) {
      // Looked at anew, as each removal takes a while.
      if (this.#isHeld(image) || request.isUsed(image) || (await this.#otherUser(image))) continue;
      await this.remove(image.id);
      removed.push(image);
    }
    return {
      images: removed.map(({ id, repoTags, repoDigests }) => ({ id, names: [...repoTags, ...repoDigests] })),
      reclaimedBytes: removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }

  /**
   * The name and id of a container of the image that is none of berth's, whether it is running or not. Docker
   * would take the image's names, or the image itself, and kubelets do not know of such containers.
   */
  async #otherUser({ id }: Image): Promise<string | undefined> {
    const users = await this.#options.client.containers({ ancestor: [id] });
    const other = users.find(({ ImageID, Labels }) => ImageID === id && !hasOurLabels(Labels));
    return other && `${other.Names[0]?.slice(1)} (${other.Id})`;
  }

  /** From our own removals; others remove what they like. */
  hold(reference: string): Disposable {
    const hold = { reference };
    this.#holds.add(hold);
    return { [Symbol.dispose]: () => void this.#holds.delete(hold) };
  }

  async importArchive(): Promise<never> {
    throw refused("berth load", "docker load");
  }

  async push(): Promise<never> {
    throw refused("berth push", "docker push");
  }

  async save(): Promise<never> {
    throw refused("berth save", "docker save");
  }

  async inspect(): Promise<never> {
    throw refused("berth image inspect", "docker image inspect");
  }

  async manifests(): Promise<never> {
    throw refused("berth images --all", "docker manifest inspect");
  }

  async usages(): Promise<never> {
    throw refused("berth image usage", "docker system df -v");
  }

  async freeSpace(): Promise<never> {
    throw refused("thresholds of images", "the kubelet's own");
  }

  async setPinned(): Promise<never> {
    throw refused("berth image pin", "images.pinned of the configuration");
  }

  /** Docker keeps images and the layers of containers in one directory. */
  async fsInfo(): Promise<{ readonly images: FsUsage; readonly containers: FsUsage }> {
    const mountpoint = await this.#options.rootDir();
    const { files, ffree } = await statfs(mountpoint);
    this.#options.requireEngine();
    this.#size ??= this.#measure();
    const usedBytes = await this.#size;
    const usage = { mountpoint, usedBytes, inodesUsed: files - ffree };
    return { images: usage, containers: usage };
  }

  /** Without a figure of Docker's, what images share is counted for each of them. */
  async #measure(): Promise<number> {
    try {
      const told = await this.#options.client.imagesSize();
      return told ?? this.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    } catch (error) {
      this.#size = undefined;
      throw error;
    }
  }

  #isHeld({ id }: Image): boolean {
    return [...this.#holds].some(({ reference }) => this.find(reference)?.id === id);
  }

  #required(idOrReference: string): Image {
    const image = this.find(idOrReference);
    if (image !== undefined) return image;
    throw new EngineError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
  }
}

type Names = Pick<Image, "repoTags" | "repoDigests">;

/** Whether the names are the same in any order: Docker's lists are not sorted. */
function isNamed(image: Names, names: Names): boolean {
  const sorted = ({ repoTags, repoDigests }: Names) => [repoTags.toSorted(), repoDigests.toSorted()];
  return isDeepStrictEqual(sorted(image), sorted(names));
}

function absent(error: unknown): undefined {
  if (!hasCode(error, "NotFound")) throw error;
}

function refused(what: string, instead: string): EngineError {
  return new EngineError("Unimplemented", `${what} is not supported with the Docker engine; use ${instead}`);
}

function stall(reference: string, ms: number): EngineError {
  return new EngineError(
    "Unavailable",
    `pull of ${reference}: Docker reported no progress for ${ms / 1000} s (images.pull_progress_timeout); it was given up`,
  );
}

/** Kubelets recognise an unreachable registry by the first word of the message. */
function pullFailure(cause: unknown, reference: string): unknown {
  if (!(cause instanceof DockerError)) return cause;
  const isRegistry = cause.code === "Unavailable" && !/does not answer/.test(cause.message);
  const what = `${isRegistry ? "RegistryUnavailable: " : ""}pull of ${reference}`;
  return new EngineError(cause.code, what, { cause });
}

function toDocker(credentials: Credentials | undefined): DockerCredentials | undefined {
  if (credentials === undefined) return undefined;
  const address = credentials.serverAddress === undefined ? {} : { serveraddress: credentials.serverAddress };
  switch (credentials.kind) {
    case "basic":
      return { username: credentials.username, password: credentials.password, ...address };
    case "identityToken":
      return { identitytoken: credentials.token, ...address };
    case "registryToken":
      return { registrytoken: credentials.token, ...address };
  }
}

function matchingId(all: readonly Image[], idOrPrefix: string): Image | undefined {
  const digits = idOrPrefix.replace(/^sha256:/, "");
  if (!/^[0-9a-f]+$/.test(digits)) return undefined;
  const matches = all.filter(({ id }) => id.startsWith(`sha256:${digits}`));
  return matches.length === 1 ? matches[0] : undefined;
}

function nameOf(reference: string): string {
  try {
    const parsed = parseReference(reference);
    // A digest identifies the image; a tag in front of it is only for readers.
    return parsed.digest === undefined
      ? formatReference(parsed)
      : formatReference({ ...parsed, tag: undefined });
  } catch {
    return reference;
  }
}

function hasLabel({ config }: Image, label: string): boolean {
  const [key = "", value] = label.split("=", 2);
  const found = config.config.labels[key];
  return found !== undefined && (value === undefined || found === value);
}
