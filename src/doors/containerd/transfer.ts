import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { imageNamed } from "./image-names.ts";
import { typeOf } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { echo, load, save } from "./transfer-archives.ts";
import { ProgressStream } from "./transfer-progress.ts";
import type { Transfer } from "./transfer-types.ts";
import { pull, push, tag } from "./transfer-ways.ts";

type TransferHandlers = Handlers<typeof containerd.transferV1.TransferService, ContainerdCall>;

/** Transfers by the types of source and destination, from the package containerd.types.transfer. */
const ways: Readonly<Record<string, (transfer: Transfer) => Promise<void>>> = {
  "ImageStore ImageStore": tag,
  "OCIRegistry ImageStore": pull,
  "ImageStore OCIRegistry": push,
  "ImageImportStream ImageStore": load,
  "ImageStore ImageExportStream": save,
  "ImageImportStream ImageExportStream": echo,
};

/**
 * The service Transfer: copies images between names, archives and registries. The types of source and
 * destination determine what is done.
 */
export function transferHandlers(options: ServiceOptions): TransferHandlers {
  const { streams, transfers } = options;
  return {
    async transfer({ source, destination, options: asked }, call) {
      const storage = await call.namespace();
      const streamOf = (id: string) => streams.get(storage.name, id);
      const progressStream = asked?.progressStream ?? "";
      // Disposed, because its reader waits for its end.
      using stream = progressStream === "" ? undefined : streamOf(progressStream);
      const [from, to] = [typeOf(source), typeOf(destination)];
      const way = ways[`${shortName(from)} ${shortName(to)}`];
      if (way === undefined)
        throw new ContainerdError(
          "Unimplemented",
          `transfer from ${JSON.stringify(from)} to ${JSON.stringify(to)}`,
        );
      const progress = new ProgressStream(stream);
      const images = () => transfers(storage.name);
      const named = (name: string) => imageNamed(name, storage, options);
      const { leaseId, signal } = call;
      const { logger } = options;
      await way({ source, destination, storage, named, images, streamOf, progress, leaseId, logger, signal });
      await progress.sent(signal);
      return {};
    },
  };
}

function shortName(type: string): string {
  return type.replace(/^containerd\.types\.transfer\./, "");
}
