import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { parseFilters } from "../../parts/filters/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";

type MountHandlers = Handlers<typeof containerd.mountsV1.MountsService, ContainerdCall>;

/**
 * containerd's mount manager mounts what a system cannot: images of file systems, templates of mounts.
 * berth's snapshotters hand out binds and overlays alone, so nothing is ever activated; clients mount these
 * themselves when they hear so.
 */
export function mountHandlers(): MountHandlers {
  return {
    async activate({ name, mounts, temporary }, { namespace }) {
      await namespace();
      if (name === "") throw new ContainerdError("InvalidArgument", "name: must not be empty");
      const types = mounts.map(({ type }) => JSON.stringify(type)).join(", ");
      throw new ContainerdError(
        "Unimplemented",
        temporary
          ? `activation ${name}: temporary mounts are not made; mount ${types} yourself`
          : `activation ${name}: no mount of ${types} is a mount manager's; mount them yourself`,
      );
    },

    async deactivate({ name }, { namespace }) {
      await namespace();
      throw absent(name);
    },

    async info({ name }, { namespace }) {
      await namespace();
      throw absent(name);
    },

    async update({ info }, { namespace }) {
      await namespace();
      throw absent(info?.name ?? "");
    },

    async *list({ filters }, { namespace }) {
      parseFilters(filters);
      await namespace();
      yield* active;
    },
  };
}

const active: readonly containerd.mountsV1.ListMessage[] = [];

function absent(name: string): ContainerdError {
  return new ContainerdError("NotFound", `mount ${JSON.stringify(name)} is not active`);
}
