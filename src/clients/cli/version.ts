import manifest from "../../../package.json" with { type: "json" };

/** berth's version, from its package.json. */
export const berthVersion: string = manifest.version;
