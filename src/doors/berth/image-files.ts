import { mkdir, mkdtemp, open, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../../engines/engine/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import type { PathChange } from "../../services/diff/index.ts";
import type { ImageFiles } from "../../services/imagefiles/index.ts";
import { BerthServiceError } from "./errors.ts";

const mostInMessage = 1000;

const changeKinds = {
  added: berthV1.ChangeKind.CHANGE_KIND_ADDED,
  changed: berthV1.ChangeKind.CHANGE_KIND_CHANGED,
  deleted: berthV1.ChangeKind.CHANGE_KIND_DELETED,
} as const;

/** DiffImages. */
export async function* diffImages(
  files: Pick<ImageFiles, "diff">,
  { image, base }: berthV1.DiffImagesRequest,
  signal: AbortSignal,
): AsyncGenerator<berthV1.DiffImagesResponse> {
  let changes: berthV1.PathChange[] = [];
  for await (const change of files.diff(image, base === "" ? undefined : base, signal)) {
    changes.push(toChange(change));
    if (changes.length < mostInMessage) continue;
    yield { changes };
    changes = [];
  }
  yield { changes };
}

function toChange({ kind, path }: PathChange): berthV1.PathChange {
  return { kind: changeKinds[kind], path };
}

/** CommitContainer. */
export async function commitContainer(
  {
    containers,
    files,
  }: {
    readonly containers: Pick<Engine["containers"], "withRootfs">;
    readonly files: Pick<ImageFiles, "commit">;
  },
  { containerId, image, noPause }: berthV1.CommitContainerRequest,
  signal: AbortSignal,
): Promise<berthV1.CommitContainerResponse> {
  const { id } = await containers.withRootfs(containerId, { pause: !noPause }, (rootfs, stopped) =>
    files.commit({ ...rootfs, ...toAbout(image) }, AbortSignal.any([signal, stopped])),
  );
  return { id };
}

/** ExportContainer. The container may go meanwhile: its files stay until they are read. */
export async function* exportContainer(
  {
    containers,
    files,
  }: {
    readonly containers: Pick<Engine["containers"], "withRootfs">;
    readonly files: Pick<ImageFiles, "export">;
  },
  { containerId }: berthV1.ExportContainerRequest,
  signal: AbortSignal,
): AsyncGenerator<berthV1.ExportContainerResponse> {
  const archive = await containers.withRootfs(containerId, { pause: false }, async ({ snapshotKey }) =>
    files.export(snapshotKey, signal),
  );
  for await (const chunk of archive) yield { chunk };
}

/** ImportFiles. */
export async function importFiles(
  { files, spoolDir }: { readonly files: Pick<ImageFiles, "import">; readonly spoolDir: string },
  requests: AsyncIterable<berthV1.ImportFilesRequest>,
  signal: AbortSignal,
): Promise<berthV1.ImportFilesResponse> {
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(spoolDir, "import-"));
  const archive = join(directory, "archive");
  try {
    const image = await receive(archive, requests);
    const { id } = await files.import({ archive, ...toAbout(image) }, signal);
    return { id };
  } finally {
    await rm(archive, { force: true });
    await rmdir(directory);
  }
}

async function receive(
  path: string,
  requests: AsyncIterable<berthV1.ImportFilesRequest>,
): Promise<berthV1.NewImage> {
  let about: berthV1.NewImage | undefined;
  await using file = await open(path, "wx", 0o600);
  for await (const { image, chunk } of requests) {
    if ((about === undefined) !== (image !== undefined))
      throw new BerthServiceError("import: the first message has the image, and each other one a chunk");
    about ??= image;
    if (chunk !== undefined) await file.writeFile(chunk);
  }
  if (about === undefined) throw new BerthServiceError("import: the request is empty");
  return about;
}

function toAbout(image: berthV1.NewImage | undefined) {
  const { name, changes, author, message } = berthV1.NewImage.fromPartial(image ?? {});
  return { name: name === "" ? undefined : name, changes, author, comment: message };
}
