/** The versions of the CNI specification whose configurations are understood, oldest first. */
const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof supportedVersions)[number];

/** The newest of `offered` that is understood, as the specification wants it ("Version considerations"). */
export function chooseVersion(offered: readonly string[]): CniVersion | undefined {
  return supportedVersions.findLast((version) => offered.includes(version));
}

/** What a configuration that names none is of: the oldest, which had no such key (libcni takes it so too). */
export const unnamedVersion: CniVersion = "0.1.0";

export function isAtLeast(version: CniVersion, wanted: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(wanted);
}

/** For messages. */
export const supportedRange = `${supportedVersions[0]} to ${supportedVersions.at(-1)}`;
