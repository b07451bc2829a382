import { quantityValue } from "../../ground/quantity/index.ts";
import type { Schema } from "./schema.ts";

/** A quantity as text; numbers are accepted as in Kubernetes. */
export const quantity: Schema<string> = {
  read(value, place) {
    const written = typeof value === "number" ? String(value) : value;
    if (typeof written === "string" && quantityValue(written) !== undefined) return written;
    return place.error("must be a quantity such as 500m, 1.5 or 128Mi");
  },
};
