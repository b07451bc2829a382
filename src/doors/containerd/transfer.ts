import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { ContentHold } from "../../services/images/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { existingImage } from "./images.ts";
import { ofType, typeOf } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { namesIn, putNames } from "./transfer-names.ts";

type TransferHandlers = Handlers<typeof containerd.transferV1.TransferService, ContainerdCall>;
type Any = containerd.types.Any;

const imageStore = "containerd.types.transfer.ImageStore";

/** Images between names, archives and registries: what is carried depends on the types of source and destination. */
export function transferHandlers({ streams }: ServiceOptions): TransferHandlers {
  return {
    async transfer({ source, destination, options }, { namespace }) {
      const storage = await namespace();
      const progress = options?.progressStream ?? "";
      // Whoever reads it waits for its end.
      using _progress = progress === "" ? undefined : streams.get(storage.name, progress);
      const [from, to] = [typeOf(source), typeOf(destination)];
      if (from === imageStore && to === imageStore) await tag(storage, source, destination);
      else
        throw new ContainerdError(
          "Unimplemented",
          `transfer from ${JSON.stringify(from)} to ${JSON.stringify(to)}`,
        );
      return {};
    },
  };
}

async function tag(
  storage: NamespaceStorage,
  source: Any | undefined,
  destination: Any | undefined,
): Promise<void> {
  const { ImageStore } = containerd.transferImages;
  const { name } = ofType(source, imageStore, ImageStore);
  const store = ofType(destination, imageStore, ImageStore);
  const { imageNames, leases } = storage;
  // The name may go meanwhile, and with it what it stands for.
  await using hold = await ContentHold.open(leases, existingImage(imageNames, name).target);
  const { target } = existingImage(imageNames, name);
  await hold.add([target]);
  await putNames(storage, namesIn(store, target), target);
}
