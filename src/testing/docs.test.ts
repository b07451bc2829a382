import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { projectFiles, readProjectFile } from "./docs.ts";

/** Pages that people read, and what is in force for them on GitHub. */
const pages = ["*.md", "docs/**/*.md", ".github/**/*.{md,yml}"];

const topDirectories = [
  ".ci",
  ".github",
  "bench",
  "docs",
  "findings",
  "packaging",
  "proto",
  "scripts",
  "src",
  "test",
];
const placeholders = ["FILE", "NAME", "ROOM"];

test("every page names files and folders of the repository that exist", async () => {
  const missing: string[] = [];
  for (const page of await projectFiles(pages)) {
    for (const path of pathsIn(await readProjectFile(page)))
      if (!(await exists(path)) && !(await exists(`src/*/${path}`))) missing.push(`${page}: ${path}`);
  }
  assert.deepEqual(missing, []);
});

test("every relative link of a page leads to a file, and to a heading of it", async () => {
  const broken: string[] = [];
  for (const page of await projectFiles(pages)) {
    for (const link of relativeLinksIn(await readProjectFile(page)))
      if (!(await leadsSomewhere(page, link))) broken.push(`${page}: ${link}`);
  }
  assert.deepEqual(broken, []);
});

test("every page of docs/ can be reached from the README", async () => {
  const reached = new Set<string>();
  const queue = ["README.md"];
  for (let page = queue.pop(); page !== undefined; page = queue.pop()) {
    if (reached.has(page)) continue;
    reached.add(page);
    for (const link of relativeLinksIn(await readProjectFile(page))) {
      const target = join(dirname(page), link.split("#")[0] ?? "");
      if (target.endsWith(".md")) queue.push(target);
    }
  }
  const all = await projectFiles(["*.md", "docs/**/*.md"]);
  assert.deepEqual(
    all.filter((page) => !reached.has(page)),
    [],
  );
});

/**
 * What stands in backticks and looks like a path: below a folder of the top, or a source file as seen from
 * its floor.
 */
function pathsIn(text: string): readonly string[] {
  const spans = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return spans.flatMap((span) => span.split(/[\s=,]+/)).filter(looksLikePath);
}

function looksLikePath(word: string): boolean {
  const [first = "", ...others] = word.split("/");
  if (others.length === 0 || !/^[\w.*{},@/-]+$/.test(word)) return false;
  if (placeholders.some((name) => word.includes(name))) return false;
  return topDirectories.includes(first) || /^[a-z].*\.(?:ts|sh|proto)$/.test(word);
}

function relativeLinksIn(text: string): readonly string[] {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** Without drawings and examples. */
function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "").replace(/^ {4}.*$/gm, "");
}

/** Patterns exist where something matches. */
async function exists(path: string): Promise<boolean> {
  return (await projectFiles(path.replace(/\/$/, ""))).length > 0;
}

async function leadsSomewhere(page: string, link: string): Promise<boolean> {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : join(dirname(page), file);
  if (!(await exists(target))) return false;
  return anchor === undefined || anchorsOf(await readProjectFile(target)).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
