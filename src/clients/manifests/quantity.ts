import type { Schema } from "./schema.ts";

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity */
const form =
  /^([+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?|[+-]?\.[0-9]{1,20})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,3})?$/;

const powers: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A quantity as a number: `500m` is 0.5, `1Ki` is 1024; undefined for what is none. */
export function quantityValue(text: string): number | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, digits = "", suffix = ""] = match;
  const exponent = /^[eE][+-]?[0-9]/.test(suffix);
  const power = exponent ? 10 ** Number(suffix.slice(1)) : powers[suffix];
  return power === undefined ? undefined : Number(digits) * power;
}

/** A quantity, as a string; numbers are taken as in Kubernetes. */
export const quantity: Schema<string> = {
  read(value, place) {
    const written = typeof value === "number" ? String(value) : value;
    if (typeof written === "string" && quantityValue(written) !== undefined) return written;
    return place.error("must be a quantity such as 500m, 1.5 or 128Mi");
  },
};

/** `100Mi`: with the greatest unit that leaves no fraction. */
export function binaryQuantity(bytes: number): string {
  let [value, unit] = [Math.floor(bytes), 0];
  while (value !== 0 && value % 1024 === 0 && unit < 6) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][unit]}`;
}
