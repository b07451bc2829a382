import { randomBytes } from "node:crypto";
import { isDnsLabel, isDnsName } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

const maxLabelLength = 63;

/** The last part of an image's name, in the letters that a pod's name may have. */
export function baseName(image: string): string {
  const withoutDigest = image.split("@")[0] ?? "";
  const last = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1).split(":")[0] ?? "";
  return label(last.toLowerCase()) || "container";
}

/** Of that and six letters, for what the user has not named; a container may have it too. */
export function uniqueName(image: string): string {
  const letters = `-${randomBytes(3).toString("hex")}`;
  return `${label(baseName(image).slice(0, maxLabelLength - letters.length))}${letters}`;
}

/** What Kubernetes lets a pod be called. Throws CliError. */
export function checkedPodName(name: string): string {
  if (isDnsName(name)) return name;
  throw usageError(
    `--name ${JSON.stringify(name)} is not a pod name: lower-case letters, digits, "-" and ".", and a letter or digit at both ends`,
  );
}

/** What Kubernetes lets a namespace be called. Throws CliError. */
export function checkedNamespace(name: string): string {
  if (isDnsLabel(name)) return name;
  throw usageError(
    `--namespace ${JSON.stringify(name)} is not a namespace: at most 63 lower-case letters, digits and "-", and a letter or digit at both ends`,
  );
}

/** What is left of a name where it may have letters, digits and dashes alone, as a container's. */
export function label(name: string): string {
  const words = name.replace(/[^a-z0-9-]/g, "-").slice(0, maxLabelLength);
  let [start, end] = [0, words.length];
  while (words[start] === "-") start++;
  while (words[end - 1] === "-") end--;
  return words.slice(start, end);
}
