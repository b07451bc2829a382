/** berth's own services and their messages (package berth.v1). */
export * from "./generated/berth/v1/berth.ts";
export * from "./generated/berth/v1/manager.ts";
