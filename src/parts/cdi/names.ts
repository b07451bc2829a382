import { BerthError } from "../../ground/errors/index.ts";

export class CdiError extends BerthError {}

const kindPart = /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const devicePart = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;
const annotationPrefix = "cdi.k8s.io/";

export function isKind(text: string): boolean {
  const parts = text.split("/");
  return parts.length === 2 && parts.every((part) => kindPart.test(part));
}

export function isDevice(text: string): boolean {
  return devicePart.test(text);
}

/** `vendor.com/gpu=0`, taken apart. Throws CdiError InvalidArgument. */
export function parseDeviceName(name: string): { readonly kind: string; readonly device: string } {
  const at = name.indexOf("=");
  const [kind, device] = [name.slice(0, Math.max(at, 0)), name.slice(at + 1)];
  if (isKind(kind) && isDevice(device)) return { kind, device };
  throw new CdiError(
    "InvalidArgument",
    `${JSON.stringify(name)} is not the name of a CDI device (vendor.com/class=device)`,
  );
}

/** The devices that annotations ask for: of each key `cdi.k8s.io/...` names with commas between them. */
export function namesInAnnotations(annotations: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(annotations)
    .filter((key) => key.startsWith(annotationPrefix))
    .sort()
    .flatMap((key) => annotations[key]?.split(",") ?? []);
}
