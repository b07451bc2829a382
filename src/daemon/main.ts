#!/usr/bin/env node
import { keepCompiledCode } from "./compile-cache.ts";

// Loading the libraries takes most of a start: what is imported from here on is found compiled.
keepCompiledCode(process.env);
const { run } = await import("./run.ts");
await run(process.argv.slice(2));
