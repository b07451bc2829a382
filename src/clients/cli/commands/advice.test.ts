import assert from "node:assert/strict";
import { test } from "node:test";
import { berth } from "../testing/cli.ts";
import { wordsBehind } from "./advice.ts";
import { optionAdvice } from "./option-advice.ts";

for (const { options, commands = ["ps", "image prune"], advice } of optionAdvice) {
  for (const command of commands) {
    for (const option of options) {
      test(`\`berth ${command} ${option}\` is refused with advice`, async () => {
        const { status, stdout, stderr } = await berth([...command.split(" "), option, "x"]);
        assert.ok(status === 2 || status === 125);
        assert.equal(stdout, "");
        assert.equal(stderr, `berth: unknown option '${option}'\n${advice}\n(add --help for usage)\n`);
      });
    }
  }
}

test("an option that other tools have elsewhere gets no advice", async () => {
  const { stderr } = await berth(["ps", "-s"]);
  assert.equal(stderr, "berth: unknown option '-s'\n(add --help for usage)\n");
});

const advised = [
  ...optionAdvice.map(({ advice }) => advice),
  ...Object.values(wordsBehind).flatMap(Object.values),
];
const written = new Set(advised.flatMap((advice) => advice.match(/`berth [^`]+`|\$\(berth [^)]+\)/g) ?? []));

for (const text of written) {
  test(`${text}, which is advised, exists`, async () => {
    const [, ...words] = text.replace(/^`|^\$\(|`$|\)$/g, "").split(" ");
    const path = words.slice(0, /^(image|profile|rollout|generate|config)$/.test(words[0] ?? "") ? 2 : 1);
    const { status, stdout } = await berth([...path, "--help"]);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Usage: berth ${path.join(" ")}\\b`));
    // What follows a name is a command of the container, and what is in brackets one of its own.
    const own = words
      .slice(path.length)
      .join(" ")
      .replace(/(^| )(NAME |\$\().*/, "")
      .split(" ");
    for (const option of own.filter((word: string) => /^--?[a-z]/.test(word)).flatMap(single))
      assert.match(stdout, new RegExp(`^ {2}(-., )?${option}\\b`, "m"));
  });
}

/** `-aq` stands for two options. */
function single(option: string): readonly string[] {
  return option.startsWith("--") ? [option] : [...option.slice(1)].map((letter: string) => `-${letter}`);
}
