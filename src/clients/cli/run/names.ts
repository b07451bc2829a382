import { randomBytes } from "node:crypto";
import { isDnsLabel, isDnsName } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

const maxLabelLength = 63;

/** The last part of an image's name, with only the characters that a pod's name may have. */
export function baseName(image: string): string {
  const withoutDigest = image.split("@")[0] ?? "";
  const last = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1).split(":")[0] ?? "";
  return label(last.toLowerCase()) || "container";
}

/** That name and six random letters, if the user gave no name; a container may use it, too. */
export function uniqueName(image: string): string {
  const letters = `-${randomBytes(3).toString("hex")}`;
  return `${label(baseName(image).slice(0, maxLabelLength - letters.length))}${letters}`;
}

/** Checks a pod's name by Kubernetes' rules. Throws CliError. */
export function checkedPodName(name: string): string {
  if (isDnsName(name)) return name;
  throw usageError(
    `--name ${JSON.stringify(name)} is not a pod name: lower-case letters, digits, "-" and ".", and a letter or digit at both ends`,
  );
}

/** Checks a namespace's name by Kubernetes' rules. Throws CliError. */
export function checkedNamespace(name: string): string {
  if (isDnsLabel(name)) return name;
  throw usageError(
    `--namespace ${JSON.stringify(name)} is not a namespace: at most 63 lower-case letters, digits and "-", and a letter or digit at both ends`,
  );
}

/** Reduces a name to letters, digits and dashes, for example for a container. */
export function label(name: string): string {
  const words = name.replace(/[^a-z0-9-]/g, "-").slice(0, maxLabelLength);
  let [start, end] = [0, words.length];
  while (words[start] === "-") start++;
  while (words[end - 1] === "-") end--;
  return words.slice(start, end);
}
