import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, open, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { BerthError } from "../../ground/errors/index.ts";
import { isErrno, KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import { type Digest, parseReference } from "../../parts/oci/index.ts";
import type { LayerLimits } from "../../parts/unpack/index.ts";
import { type ArchivedImage, type ArchivedImages, imagesOfArchive, imagesOfDirectory } from "./archive.ts";
import { compressLayer } from "./compress-layer.ts";
import { ImageError, noRoomError } from "./image-error.ts";
import type { TargetPuller } from "./transfers/target-puller.ts";
import { requireTrustedArchive, type TrustOptions } from "./trust/image-trust.ts";
import type { StagedFile } from "./worker-messages.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Maximum size of an unpacked archive; a full disk is noticed in any case. */
const maxArchiveBytes = 64 * 1024 ** 3;

type Loaded = { readonly id: Digest; readonly names: readonly string[] };

/** An unpacked archive. */
type StagedArchive = AsyncDisposable & ArchivedImages;

/** Removes archives that a crash left unpacked; to be called before anything is imported. */
export async function removeStaged(staging: string, trees: TreeRemover): Promise<void> {
  await trees.remove(staging);
}

/** Imports the images of archives. */
export class Importer {
  readonly #staging: string;
  readonly #workers: WorkerPool;
  readonly #targets: TargetPuller;
  readonly #trees: TreeRemover;
  readonly #hostPaths: HostPaths;
  readonly #trust: TrustOptions;
  readonly #limits: LayerLimits;

  /** Archives are unpacked in `staging`. */
  constructor(
    staging: string,
    workers: WorkerPool,
    {
      targets,
      trees,
      hostPaths,
      trust,
      limits,
    }: {
      readonly targets: TargetPuller;
      readonly trees: TreeRemover;
      readonly hostPaths: HostPaths;
      readonly trust: TrustOptions;
      readonly limits: LayerLimits;
    },
  ) {
    this.#staging = staging;
    this.#workers = workers;
    this.#targets = targets;
    this.#trees = trees;
    this.#hostPaths = hostPaths;
    this.#trust = trust;
    this.#limits = limits;
  }

  /**
   * Returns the images, each once, with the names that the archive gives them. Paths are looked up before
   * they are passed to the threads that unpack layers: a thread that waits for a dead file system would be
   * lost for pulls. Throws HostPathError Unavailable for a path that does not answer, and PolicyError as
   * pulls do.
   */
  async import(
    path: string,
    { sent = false, allPlatforms = false }: { readonly sent?: boolean; readonly allPlatforms?: boolean },
    signal: AbortSignal,
  ): Promise<readonly Loaded[]> {
    // Each import is a look-up of its own: imports share only the file system, which has its own limits.
    const lookUp = this.#hostPaths.of(`import of ${path}`, signal);
    const { whole, laidOut } = await lookUp(path, () => look(path));
    const archive = sent
      ? { called: "the archive", whole: undefined, allPlatforms }
      : { called: path, whole, allPlatforms };
    if (laidOut !== undefined) return await this.#install(laidOut.images, archive, signal);
    await using staged = await this.#stage(async () => whole, { ...archive, compress: false }, signal);
    return await this.#install(staged.images, archive, signal);
  }

  /**
   * The images of an archive that arrives as a stream; they exist until the result is disposed of. Throws
   * ImageError InvalidArgument, ResourceExhausted. `compress`: whether uncompressed layers of `docker save`
   * are compressed.
   */
  async receive(
    bytes: AsyncIterable<Uint8Array>,
    { compress }: { readonly compress: boolean },
    signal: AbortSignal,
  ): Promise<StagedArchive> {
    const spool = async (directory: string): Promise<string> => {
      const path = join(directory, "archive");
      const room = new KeptRoom(directory, this.#limits.minFreePercent);
      const file = createWriteStream(path, { mode: 0o600, flags: "wx" });
      try {
        await pipeline(bytes, (pieces) => limited(pieces, room), file, { signal });
      } catch (cause) {
        if (cause instanceof KeptRoomError) throw noRoomError("the archive", cause);
        if (!isErrno(cause, "ENOSPC", "EDQUOT")) throw cause;
        throw new ImageError("ResourceExhausted", "no space left on the disk for the archive", { cause });
      }
      return path;
    };
    return await this.#stage(spool, { called: "the archive", compress }, signal);
  }

  /** `pathIn` returns the archive's path, after writing it into the directory if necessary. */
  async #stage(
    pathIn: (directory: string) => Promise<string>,
    { called, compress }: { readonly called: string; readonly compress: boolean },
    signal: AbortSignal,
  ): Promise<StagedArchive> {
    await mkdir(this.#staging, { recursive: true, mode: 0o700 });
    await using undo = new AsyncDisposableStack();
    const directory = await mkdtemp(join(this.#staging, "import-"));
    undo.defer(() => this.#trees.remove(directory));
    const archive = await pathIn(directory);
    const { minFreePercent } = this.#limits;
    const limits = { maxBytes: maxArchiveBytes, minFreePercent };
    const { files } = await this.#workers.run(
      { kind: "stage", archive, called, directory, ...limits },
      signal,
    );
    const gzips = new Map<Digest, StagedFile>();
    const compressed = async (layer: StagedFile): Promise<StagedFile> => {
      const gzip = gzips.get(layer.digest) ?? (await compressLayer(layer, minFreePercent, signal));
      gzips.set(layer.digest, gzip);
      return gzip;
    };
    const found = await imagesOfArchive(files, called, compress ? compressed : undefined);
    if (found.images.length === 0) throw new ImageError("InvalidArgument", `${called}: holds no image`);
    const staged = undo.move();
    return { ...found, [Symbol.asyncDispose]: () => staged.disposeAsync() };
  }

  async #install(
    images: readonly ArchivedImage[],
    {
      called,
      whole,
      allPlatforms,
    }: { readonly called: string; readonly whole: string | undefined; readonly allPlatforms: boolean },
    signal: AbortSignal,
  ): Promise<readonly Loaded[]> {
    if (images.length === 0) throw new ImageError("InvalidArgument", `${called}: holds no image`);
    for (const { transport } of images) await requireTrustedArchive(this.#trust, { transport, path: whole });
    const loaded = new Map<Digest, string[]>();
    for (const { target, names } of images) requireOwnDigest(names, target.digest, called);
    for (const { target, names, source } of images) {
      const request = { source, target, names, onProgress: () => undefined };
      const id = allPlatforms
        ? await this.#targets.pullWhole(request, signal)
        : await this.#targets.pullOne(request, () => undefined, signal);
      loaded.set(id, [...(loaded.get(id) ?? []), ...names]);
    }
    return [...loaded].map(([id, names]) => ({ id, names }));
  }
}

/** Whoever asks for an image by its digest must not get what an archive claims to be that. */
function requireOwnDigest(names: readonly string[], digest: Digest, called: string): void {
  const claimed = names.find((name) => (parseReference(name).digest ?? digest) !== digest);
  if (claimed !== undefined)
    throw new ImageError(
      "InvalidArgument",
      `${called}: gives ${digest} the name of another digest, ${claimed}`,
    );
}

/** Resolves links, and reads the images if the path is a directory; undefined for a readable file. */
async function look(
  path: string,
): Promise<{ readonly whole: string; readonly laidOut: ArchivedImages | undefined }> {
  try {
    const whole = await realpath(path);
    const found = await stat(whole);
    if (found.isDirectory()) return { whole, laidOut: await imagesOfDirectory(whole) };
    if (!found.isFile()) throw new ImageError("InvalidArgument", `${path}: neither a file nor a directory`);
    await using file = await open(whole);
    await file.read(Buffer.alloc(1), 0, 1, 0);
    return { whole, laidOut: undefined };
  } catch (cause) {
    if (cause instanceof BerthError) throw cause;
    if (isErrno(cause, "ENOENT", "ENOTDIR"))
      throw new ImageError("NotFound", `${path}: there is no such file`);
    throw new ImageError("NotFound", `${path}: cannot be read`, { cause });
  }
}

async function* limited(
  bytes: AsyncIterable<Uint8Array>,
  room: KeptRoom,
): AsyncGenerator<Uint8Array, void, void> {
  let total = 0;
  for await (const piece of bytes) {
    total += piece.length;
    if (total > maxArchiveBytes)
      throw new ImageError("ResourceExhausted", `the archive has more than ${maxArchiveBytes} bytes`);
    await room.takeAside(piece.length);
    yield piece;
  }
}
