/** POSIX character classes (regex(7)), which JavaScript does not know. */
const classes: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** A POSIX extended regular expression; `what` names it in the error. */
export function compilePattern(text: string, what: string): RegExp {
  const source = text.replaceAll(/\[:(\w+):\]/g, (whole, name: string) => {
    const members = classes[name];
    if (members === undefined) throw new Error(`${what}: unknown character class ${whole}`);
    return members;
  });
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new Error(`${what}: ${JSON.stringify(text)} is not a regular expression`, { cause });
  }
}
