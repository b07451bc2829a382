import { invalid } from "./unpack-error.ts";

/** Maximum length of a path in the kernel, without the final NUL. */
const maxPathBytes = 4095;
const maxNameBytes = 255;

/**
 * The components of an entry's name or of a hard link's target, from the root; none for the root itself. A
 * leading `/` means the root, `.` and empty components are dropped, and `a/..` is dropped whether `a` exists
 * or not, as in other engines. Throws UnpackError InvalidArgument if the name leads out of the root or is too
 * long.
 */
export function entryPath(name: string): readonly string[] {
  const components: string[] = [];
  for (const component of name.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") components.push(component);
    else if (components.pop() === undefined) throw invalid("the path leaves the layer's root");
  }
  if (components.some((component) => component.length > maxNameBytes)) {
    throw invalid(`a name in the path is longer than ${maxNameBytes} bytes`);
  }
  if (components.join("/").length > maxPathBytes)
    throw invalid(`the path is longer than ${maxPathBytes} bytes`);
  return components;
}

/** Path of `name` in the directory at `parent`, both from the root. */
export function joinPath(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}
