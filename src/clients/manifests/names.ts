/** The forms of names in Kubernetes (https://kubernetes.io/docs/concepts/overview/working-with-objects/names). */
import { checked, intOrString, type Schema, text } from "./schema.ts";

const labelForm = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const partForm = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const keyForm = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** Whether a text is a DNS label. */
export function isDnsLabel(value: string): boolean {
  return labelForm.test(value);
}

/** A DNS label (RFC 1123): containers, volumes, namespaces. */
export const dnsLabel = text((value) =>
  isDnsLabel(value)
    ? undefined
    : 'is not a name: at most 63 lower-case letters, digits and "-", and a letter or digit at both ends',
);

/** Whether a text is a DNS name of one or several labels. */
export function isDnsName(value: string): boolean {
  return value.length <= 253 && value.split(".").every((part) => partForm.test(part));
}

/** A DNS name (RFC 1123): pods and most other objects. */
export const dnsName = text((value) =>
  isDnsName(value)
    ? undefined
    : 'is not a name: lower-case letters, digits, "-" and ".", and a letter or digit at both ends',
);

/** An external name, which may end with a dot. */
export const foreignName = text((value) =>
  isDnsName(value.endsWith(".") ? value.slice(0, -1) : value)
    ? undefined
    : 'is not a DNS name: lower-case letters, digits, "-" and ".", and a letter or digit at both ends',
);

/** A search domain, which may contain underscores, or be the root. */
export const searchDomain = text((value) =>
  value === "." || isDnsName(value.replace(/\.$/, "").replaceAll("_", "0"))
    ? undefined
    : 'is no domain: lower-case letters, digits, "-", "_" and ".", and a letter or digit at both ends',
);

/** The prefix of a generated name. */
export const namePrefix = text((value) =>
  isDnsName(`${value}0`) && value.length <= 248 ? undefined : "is not a valid prefix of a name",
);

/** Whether a key is a name, optionally with a domain and a slash in front. */
function isQualified(key: string): boolean {
  const [name = "", domain, ...rest] = key.split("/").toReversed();
  return keyForm.test(name) && (domain === undefined || isDnsName(domain)) && rest.length === 0;
}

const keyRule =
  'at most 63 letters, digits, "-", "_" and ".", and a letter or digit at both ends, also below a domain as in example.com/app';

/** A key of a label, a type of a condition. */
export const qualifiedName = text((value) => (isQualified(value) ? undefined : `is no name: ${keyRule}`));

/** A key of an annotation may have capitals in its domain. */
export const annotationKey = text((value) =>
  isQualified(value.toLowerCase()) ? undefined : `is no key: ${keyRule}`,
);

/** Whether a text can be the value of a label. */
export function isLabelValue(value: string): boolean {
  return value === "" || keyForm.test(value);
}

export const labelValue = text((value) =>
  isLabelValue(value)
    ? undefined
    : 'is not a label value: at most 63 letters, digits, "-", "_" and ".", and a letter or digit at both ends',
);

/** The name of a port (RFC 6335). */
export const portName = text((value) =>
  value.length <= 15 && labelForm.test(value) && /[a-z]/.test(value) && !value.includes("--")
    ? undefined
    : 'is not a port name: at most 15 lower-case letters, digits and "-", with a letter',
);

/** A port by its number, or by its name in the container. */
export const portOrName: Schema<number | string> = checked(intOrString, (value, place) => {
  if (typeof value === "string") portName.read(value, place);
  else if (value < 1 || value > 65_535) place.error("must be between 1 and 65535");
});

/** A key of a config map or secret: a file's name. */
export const dataKey = text((value) =>
  /^[-._A-Za-z0-9]{1,253}$/.test(value) && value !== "." && !value.startsWith("..")
    ? undefined
    : 'is not a key: at most 253 letters, digits, "-", "_" and ".", and none that begins with ".."',
);

/** An absolute path. */
export const absolutePath = text((value) => (value.startsWith("/") ? undefined : "must be an absolute path"));

/** A relative path that does not lead out of its directory. */
export const pathBelow = text((value) =>
  value === "" || value.startsWith("/") || value.split("/").includes("..")
    ? 'must be a relative path without ".."'
    : undefined,
);

/**
 * The path of a file in a volume of objects; names that begin with ".." are reserved for the volume itself.
 */
export const volumeFilePath = checked(pathBelow, (value, place) => {
  if (value.startsWith("..") && !value.startsWith("../")) place.error('must not begin with ".."');
});
