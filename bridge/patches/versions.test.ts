import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";

const here = import.meta.dirname;
const root = join(here, "../..");
const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8")) as Record<string, unknown>;
const rows = [...readFileSync(join(here, "README.md"), "utf8").matchAll(/^\| `([^`]+)` \| (\d\S*) \| https:/gm)];
const reviewed = rows.map(([, name = "", version = ""]) => [name, version] as const);

describe("patches", () => {
  test("each folder has its row in the README", () => {
    const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(reviewed.map(([name]) => name).toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  });

  test.each(reviewed)("%s is installed in the version that was reviewed: %s", (name, version) => {
    const { dependencies, devDependencies } = readJson("package.json") as Record<string, Record<string, string>>;
    expect({ ...dependencies, ...devDependencies }[name]).toBe(version);
    if (name === "node") expect(process.versions.node.split(".")[0]).toBe(version.split(".")[0]);
    else expect(readJson(`node_modules/${name}/package.json`)["version"]).toBe(version);
  });
});
