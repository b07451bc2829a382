import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import type { ContentInfo, IngestStatus } from "../../services/content/index.ts";
import type { ContainerdCall } from "./call.ts";
import { writeContent } from "./content-write.ts";
import { ContainerdError } from "./errors.ts";
import { labelUpdate } from "./field-mask.ts";
import { fromMs, pages, toTimestamp } from "./messages.ts";

type ContentHandlers = Handlers<typeof containerd.contentV1.ContentService, ContainerdCall>;

/** The service Content: blobs by digest, and ingests, which are being written. */
export function contentHandlers(): ContentHandlers {
  return {
    async info({ digest }, { namespace }) {
      const { content } = await namespace();
      return { info: toInfo(content.info(parseDigest(digest))) };
    },

    async update({ info, updateMask = [] }, { namespace }) {
      const { content } = await namespace();
      if (info === undefined) throw new ContainerdError("InvalidArgument", "info: must be set");
      const { labels, how } = labelUpdate(updateMask, info.labels);
      return { info: toInfo(await content.setLabels(parseDigest(info.digest), labels, how)) };
    },

    async *list({ filters }, { namespace }) {
      const matches = parseFilters(filters);
      const { content } = await namespace();
      const matching = content.list().filter((info) => matches((path) => fieldOf(info, path)));
      for (const page of pages(matching)) yield { info: page.map(toInfo) };
    },

    async delete({ digest }, { namespace }) {
      const { content } = await namespace();
      await content.delete(parseDigest(digest));
      return {};
    },

    async *read({ digest: given, offset, size }, { namespace, signal }) {
      const { content } = await namespace();
      const digest = parseDigest(given);
      const { sizeBytes } = content.info(digest);
      const from = Math.max(Number(offset), 0);
      if (from > sizeBytes)
        throw new ContainerdError("OutOfRange", `read past object length ${sizeBytes} bytes`);
      const wanted = Number(size);
      const end = wanted <= 0 ? sizeBytes : Math.min(from + wanted, sizeBytes);
      for await (const piece of content.pieces(digest, from, end, signal))
        yield { offset: BigInt(piece.offset), data: piece.bytes };
    },

    async status({ ref }, { namespace }) {
      const { content } = await namespace();
      const found = await content.ingest(ref);
      if (found === undefined)
        throw new ContainerdError("NotFound", `no such ingest: ${JSON.stringify(ref)}`);
      return { status: toStatus(found) };
    },

    async listStatuses({ filters }, { namespace }) {
      const matches = parseFilters(filters);
      const { content } = await namespace();
      const matching = (await content.ingests()).filter(({ ref }) =>
        matches(([field]) => (field === "ref" ? ref : undefined)),
      );
      return { statuses: matching.map(toStatus) };
    },

    write: writeContent,

    async abort({ ref }, { namespace }) {
      const { content } = await namespace();
      if ((await content.ingest(ref)) === undefined)
        throw new ContainerdError("NotFound", `reference ${JSON.stringify(ref)}`);
      await content.abort(ref);
      return {};
    },
  };
}

function toInfo({ digest, sizeBytes, createdAtNs, updatedAtNs, labels }: ContentInfo) {
  return {
    digest,
    size: BigInt(sizeBytes),
    createdAt: toTimestamp(createdAtNs),
    updatedAt: toTimestamp(updatedAtNs ?? createdAtNs),
    labels: { ...labels },
  };
}

function toStatus({ ref, offsetBytes, wanted, startedAtMs, updatedAtMs }: IngestStatus) {
  return {
    ref,
    offset: BigInt(offsetBytes),
    total: BigInt(wanted.sizeBytes ?? 0),
    expected: wanted.digest ?? "",
    startedAt: toTimestamp(fromMs(startedAtMs)),
    updatedAt: toTimestamp(fromMs(updatedAtMs)),
  };
}

function fieldOf(info: ContentInfo, [field, ...rest]: readonly string[]): string | undefined {
  switch (field) {
    case "digest":
      return info.digest;
    case "size":
      return String(info.sizeBytes);
    case "labels":
      return fieldOfLabels(info.labels, rest);
    default:
      return undefined;
  }
}
