// Copies the files of bridge/ that are used as they are, such as the call page and the sandbox's launchers, to the same
// places beside the built code.
import { cpSync, globSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
for (const file of globSync("bridge/**/*.{css,html,mjs,pl,sh}", { cwd: root }))
  cpSync(`${root}${file}`, `${root}dist/${file}`);
