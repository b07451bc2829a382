/**
 * The daemon's configuration: one TOML file, read by a schema in which every key has a default, a check and
 * its documentation. A key that is not in the schema is an error. This room reads and checks; what a value is
 * for is the business of the room that gets it.
 */
export { ConfigError, type ConfigSource, defaultConfigFile, loadConfig, parseConfig } from "./load.ts";
export { renderDefaultConfig } from "./render.ts";
export type { Config } from "./schema.ts";
