import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { tempDirectory } from "./support/temp.ts";

const bin = fileURLToPath(new URL("../bin/", import.meta.url));
const stampModule = new URL("../bin/build-stamp.mjs", import.meta.url).href;

const prints = (what: string) => `export const main = async () => console.log("${what}");`;

/** A clone whose sources and built program say which of them runs. */
function makeClone() {
  const directory = tempDirectory();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(directory.path, path)), { recursive: true });
    writeFileSync(join(directory.path, path), text);
  };
  write("package.json", `{ "type": "module" }`);
  mkdirSync(join(directory.path, "bin"));
  for (const file of readdirSync(bin)) copyFileSync(join(bin, file), join(directory.path, "bin", file));
  write("bridge/main.ts", prints("sources"));
  write("bridge/page.css", "body {}");
  write("dist/program/main.js", prints("program"));
  const run = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, args, { env: {}, timeout: 25_000 })).stdout.trim();
  return {
    write,
    path: (path: string) => join(directory.path, path),
    /** Stamps the built program, as the build does at its end. */
    stamp: async () => {
      const files = JSON.stringify(["bridge/main.ts", "bridge/page.css"]);
      const code = `import { stampOf } from "${stampModule}"; console.log(JSON.stringify(stampOf(process.argv[1], ${files})))`;
      write("dist/program/stamp.json", await run("--input-type=module", "-e", code, directory.path));
    },
    runs: () => run(join(directory.path, "bin/armorclaw.mjs")),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

describe("bin/armorclaw.mjs", () => {
  test("runs the built program while every file is as it was built from", async () => {
    using clone = makeClone();
    await clone.stamp();
    expect(await clone.runs()).toBe("program");
  });

  test("runs the sources where a source has changed, even to the same size", async () => {
    using clone = makeClone();
    await clone.stamp();
    const { atimeMs, mtimeMs, size } = statSync(clone.path("bridge/page.css"));
    clone.write("bridge/page.css", "html {}");
    utimesSync(clone.path("bridge/page.css"), atimeMs / 1_000, mtimeMs / 1_000 + 2);
    expect(statSync(clone.path("bridge/page.css")).size).toBe(size);
    expect(await clone.runs()).toBe("sources");
  });

  test("runs the sources where a file of the build is gone", async () => {
    using clone = makeClone();
    await clone.stamp();
    rmSync(clone.path("bridge/page.css"));
    expect(await clone.runs()).toBe("sources");
  });

  test.each([
    ["is missing", undefined],
    ["is cut off", `{"bridge/main.ts":[1`],
  ])("runs the sources where the stamp %s", async (_, stamp) => {
    using clone = makeClone();
    if (stamp !== undefined) clone.write("dist/program/stamp.json", stamp);
    expect(await clone.runs()).toBe("sources");
  });

  test("runs the built program in an installed package, which has no sources and no stamp to compare", async () => {
    using clone = makeClone();
    rmSync(clone.path("bridge"), { recursive: true });
    expect(await clone.runs()).toBe("program");
  });
});
