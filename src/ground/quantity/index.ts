/**
 * Kubernetes' quantities, such as `500m`, `1.5` or `128Mi`: numbers with a decimal or binary unit, in
 * manifests and in annotations of pods. This room imports no other.
 */
export { binaryQuantity, quantityValue } from "./quantity.ts";
