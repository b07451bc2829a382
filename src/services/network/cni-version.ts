/** Supported versions of the CNI specification, oldest first. */
const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof supportedVersions)[number];

/** The newest supported version in `offered`, as the specification requires ("Version considerations"). */
export function chooseVersion(offered: readonly string[]): CniVersion | undefined {
  return supportedVersions.findLast((version) => offered.includes(version));
}

/** Version of a configuration that names none: the oldest, which had no such key (as in libcni). */
export const unnamedVersion: CniVersion = "0.1.0";

export function isAtLeast(version: CniVersion, wanted: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(wanted);
}

/** Used in messages. */
export const supportedRange = `${supportedVersions[0]} to ${supportedVersions.at(-1)}`;
