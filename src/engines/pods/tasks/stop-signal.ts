import { constants } from "node:os";
import { signalNumber } from "../../../ground/linux/index.ts";
import { type ContainerConfig, Signal } from "../../../ground/protocol/index.ts";
import type { ImageConfig } from "../../../parts/oci/index.ts";

/**
 * The signal that asks a container to end: the container's own, else its image's, else SIGTERM. An image's
 * that is none is not worth failing for.
 */
export function stopSignalOf(config: ContainerConfig, image: ImageConfig): number {
  return criSignal(config.stopSignal) ?? signalNumber(image.config.stopSignal) ?? constants.signals.SIGTERM;
}

const names = new Map(Object.entries(Signal).map(([name, value]) => [value, name]));

/** CRI's enum names signals as SIGNAL_SIGTERM, SIGNAL_SIGRTMINPLUS3. */
function criSignal(value: Signal): number | undefined {
  if (value === Signal.SIGNAL_RUNTIME_DEFAULT) return undefined;
  const name = names.get(value)?.replace("SIGNAL_", "").replace("PLUS", "+").replace("MINUS", "-");
  return name === undefined ? undefined : signalNumber(name);
}
