import type { CdiDevices } from "../../../parts/cdi/index.ts";
import type { Extension } from "./extension.ts";

/** Gives containers the Container Device Interface (CDI) devices that they request by name. */
export function cdiExtension(devices: CdiDevices): Extension {
  return {
    name: "cdi",
    order: 0,
    createContainer: ({ container: { config } }) =>
      devices.edits(
        config.CDIDevices.map(({ name }) => name),
        config.annotations,
      ),
  };
}
