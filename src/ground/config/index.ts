/**
 * The daemon's configuration: one TOML file, read by a schema in which every key has a default, a check and
 * its documentation. A key that is not in the schema is an error. This room reads and checks; the room that
 * gets a value knows its purpose.
 */
export { ConfigError, type ConfigSource, defaultConfigFile, loadConfig, parseConfig } from "./load.ts";
export { renderDefaultConfig } from "./render.ts";
export type { Config } from "./schema.ts";
