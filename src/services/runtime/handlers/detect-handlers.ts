import { stat } from "node:fs/promises";
import { join } from "node:path";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { type AnnotationRules, passNone } from "../spec/passed-annotations.ts";
import { chooseDefault } from "./choose-default.ts";
import { FactsCache } from "./facts-cache.ts";
import { findProgram } from "./find-program.ts";
import type { Handler, HandlerTable } from "./handler.ts";
import { obstacleFor } from "./obstacles.ts";
import { askProgram, type ProgramFacts } from "./program-facts.ts";

/** A handler as configured. */
export type HandlerConfig = {
  /** Absolute path of the program; "" looks up the handler's name in the usual directories. */
  readonly path: string;
  readonly privilegedWithoutHostDevices: boolean;
} & AnnotationRules;

export type DetectHandlersOptions = {
  /** By name; crun and runc are included by default. */
  readonly handlers: Readonly<Record<string, HandlerConfig>>;
  /**
   * A handler's name, or "auto": crun if it works on this host, otherwise runc, otherwise the first usable
   * one.
   */
  readonly defaultHandler: string;
  /** Results are cached here, and each OCI runtime gets a directory for its state. */
  readonly stateDir: string;
  /** How long a program may take to respond; default 20 s. The daemon's start waits for it. */
  readonly answerMs?: number;
};

/** A machine that has just started is slow. */
const usualAnswerMs = 20_000;

const usual: HandlerConfig = { path: "", privilegedWithoutHostDevices: false, ...passNone };
const known = { crun: usual, runc: usual };

/**
 * Detects which handlers this host can use. Programs that have not changed since the last time are not
 * started again; all others are queried concurrently. Throws RuntimeError InvalidArgument if the default is
 * not among them.
 */
export async function detectHandlers(options: DetectHandlersOptions): Promise<HandlerTable> {
  const cache = await FactsCache.open<ProgramFacts>(join(options.stateDir, "handlers.json"));
  const layout = await cgroupLayout();
  const handlers = await Promise.all(
    Object.entries({ ...known, ...options.handlers }).map(async ([name, config]): Promise<Handler> => {
      const { path: configured, ...settings } = config;
      const root = join(options.stateDir, "runtimes", name);
      const path = await findProgram(configured || name);
      if (path === undefined) return { ...missing(name, configured || name, root), ...settings };
      const facts = await cachedFacts(cache, path, options.answerMs ?? usualAnswerMs);
      const usability = obstacleFor(facts, layout, path) ?? { kind: "usable" };
      return {
        kind: "runc-like",
        name,
        path,
        type: facts.type,
        version: facts.version,
        root,
        usability,
        features: facts.features,
        ...settings,
      };
    }),
  );
  await cache.save();
  return { handlers, ...chooseDefault(handlers, options.defaultHandler) };
}

/** Raised when the interpretation of programs' answers changes, to invalidate an older daemon's cache. */
const factsVersion = 6;

async function cachedFacts(
  cache: FactsCache<ProgramFacts>,
  path: string,
  answerMs: number,
): Promise<ProgramFacts> {
  const { mtimeMs, size } = await stat(path);
  const key = `${factsVersion} ${path} ${mtimeMs} ${size}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const facts = await askProgram(path, answerMs);
  // One that could not respond is queried again next time.
  if (facts.version !== "" && facts.isCertain) cache.set(key, facts);
  return facts;
}

const noFeatures = {
  recursiveReadOnlyMounts: false,
  userNamespaces: false,
  cgroupNamespaces: false,
  checkpoint: false,
  idMappingsInSpec: true,
  readOnlySysfsForAll: false,
} as const;

function missing(name: string, path: string, root: string): Omit<Handler, keyof Omit<HandlerConfig, "path">> {
  return {
    kind: "runc-like",
    name,
    path: "",
    type: "other",
    version: "",
    root,
    usability: {
      kind: "unusable",
      reason: `program ${path} not found`,
      remedy: `install ${path.split("/").at(-1)} or correct its path in the configuration`,
    },
    features: noFeatures,
  };
}
