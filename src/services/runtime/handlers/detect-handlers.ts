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
  /** Absolute path of the program; "" is the one of the handler's name in the usual directories. */
  readonly path: string;
  readonly privilegedWithoutHostDevices: boolean;
} & AnnotationRules;

export type DetectHandlersOptions = {
  /** By name; crun and runc are there without being named. */
  readonly handlers: Readonly<Record<string, HandlerConfig>>;
  /**
   * A handler's name, or "auto": crun where this host lets it run, else runc, else the first that is usable.
   */
  readonly defaultHandler: string;
  /** What was found out is kept here, and each OCI runtime gets its own directory for its state. */
  readonly stateDir: string;
  /** How long a program may take to answer; 20 s unless given. The daemon's start waits for it. */
  readonly answerMs?: number;
};

/** A machine that has just started is slow. */
const usualAnswerMs = 20_000;

const usual: HandlerConfig = { path: "", privilegedWithoutHostDevices: false, ...passNone };
const known = { crun: usual, runc: usual };

/**
 * Finds out which handlers this host can use. Programs that have not changed since they were last asked are
 * not started again; all others are asked at the same time. Throws RuntimeError InvalidArgument when the
 * default is none of them.
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

/**
 * Raised when what is made of a program's answers changes: those that an older daemon kept are then no good.
 */
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
  // One that could not answer is asked again next time.
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
