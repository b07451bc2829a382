/** berth's version: one for its programs and for the files that they write. This room imports no other. */
import manifest from "../../../package.json" with { type: "json" };

/** The version in package.json, such as `0.1.0`. */
export const berthVersion: string = manifest.version;
