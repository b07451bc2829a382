import { isRecord } from "../../../ground/json/index.ts";
import type { InspectedImage } from "./inspected-image.ts";

/** A step of an image's build (OCI image-spec, config.md, `history`). */
export type BuildStep = {
  /** RFC 3339; "" if it is not known. */
  readonly created: string;
  readonly createdBy: string;
  readonly comment: string;
  /** Unpacked size of its layer; 0 without a layer, undefined if the layer is not unpacked. */
  readonly unpackedBytes: bigint | undefined;
};

/**
 * The steps, first to last. An image may lack its history; layers without one become steps without a command.
 */
export function buildSteps({ answer, config }: InspectedImage): BuildStep[] {
  const layers = answer.layers.map(({ unpackedSize }) => unpackedSize);
  const entries: readonly unknown[] = Array.isArray(config.history) ? config.history : [];
  let next = 0;
  const steps = entries.filter(isRecord).map((entry): BuildStep => {
    const isEmpty = entry.empty_layer === true || next >= layers.length;
    return {
      created: text(entry.created),
      createdBy: text(entry.created_by),
      comment: text(entry.comment),
      unpackedBytes: isEmpty ? 0n : layers[next++],
    };
  });
  const withoutEntry = layers
    .slice(next)
    .map((unpackedBytes) => ({ created: "", createdBy: "", comment: "", unpackedBytes }));
  return [...steps, ...withoutEntry];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
