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

/** Parses a quantity to a number: `500m` is 0.5, `1Ki` is 1024; undefined for invalid text. */
export function quantityValue(text: string): number | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, digits = "", suffix = ""] = match;
  const exponent = /^[eE][+-]?[0-9]/.test(suffix);
  const power = exponent ? 10 ** Number(suffix.slice(1)) : powers[suffix];
  return power === undefined ? undefined : Number(digits) * power;
}

/** Writes a number of bytes as a quantity, with the largest binary unit that leaves no fraction: `100Mi`. */
export function binaryQuantity(bytes: number): string {
  let [value, unit] = [Math.floor(bytes), 0];
  while (value !== 0 && value % 1024 === 0 && unit < 6) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][unit]}`;
}
