import type { Config } from "../config/index.ts";
import type { HandlerConfig } from "../runtime/index.ts";

/** crun and runc by their names, and what the configuration adds or puts in their place. */
export function handlerConfigs(configured: Config["runtime"]["handlers"]): readonly HandlerConfig[] {
  const paths = {
    crun: "crun",
    runc: "runc",
    ...Object.fromEntries(Object.entries(configured).map(([name, { path }]) => [name, path])),
  };
  return Object.entries(paths).map(([name, path]) => ({ name, path }));
}
