/**
 * The file of a thread, given without its extension and relative to the module that starts it
 * (`import.meta.url`): as TypeScript where that runs as it is, else as it was built, beside it.
 */
export function threadFile(module: string, file: `./${string}`): URL {
  return new URL(module.endsWith(".ts") ? `${file}.ts` : `${file}.js`, module);
}
