import { EngineError } from "../engine/index.ts";

const scale: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/**
 * A Kubernetes quantity such as "10M" as a whole number
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/). Throws EngineError
 * InvalidArgument, naming `subject`.
 */
export function parseQuantity(subject: string, text: string): number {
  const [, digits, suffix] = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const factor = suffix === undefined ? undefined : scale[suffix];
  if (digits === undefined || factor === undefined) {
    throw new EngineError(
      "InvalidArgument",
      `${subject}: ${JSON.stringify(text)} is not a quantity; write a number such as 10M or 512Ki`,
    );
  }
  return Math.round(Number(digits) * factor);
}
