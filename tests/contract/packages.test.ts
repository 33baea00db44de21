import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { runtimeVersion } from "../../agent-runtime/version.ts";
import { repositoryRoot } from "../support/daemon.ts";

interface Manifest {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const packages = [".", "protocol", "client-sdk", "agent-runtime"];
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(join(repositoryRoot, folder, "package.json"), "utf8")) as Manifest;
const root = manifestOf(".");

describe("the four packages", () => {
  test.each(packages)("%s has the project's version and depends on the others at that version", (folder) => {
    const { version, dependencies } = manifestOf(folder);
    const own = Object.entries(dependencies).filter(([name]) => name.startsWith("@armorclaw/"));
    expect({ version, own }).toEqual({ version: root.version, own: own.map(([name]) => [name, root.version]) });
  });

  test("the agent reports that version, and the lockfile has it", () => {
    const lock = JSON.parse(readFileSync(join(repositoryRoot, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    expect(runtimeVersion).toBe(root.version);
    for (const folder of packages) expect(lock.packages[folder === "." ? "" : folder]?.version).toBe(root.version);
  });

  test.each(packages)("%s says where it comes from and where to report a fault", (folder) => {
    const manifest = manifestOf(folder);
    for (const field of ["description", "license", "keywords", "repository", "bugs", "homepage"])
      expect({ field, isThere: manifest[field] !== undefined }).toEqual({ field, isThere: true });
  });

  test("every dependency of the root is pinned to one version", () => {
    const ranges = Object.entries(root.dependencies).filter(([, version]) => !/^\d/.test(version));
    expect(ranges).toEqual([]);
  });

  test("there are at most 14 scripts", () => {
    expect(Object.keys(root.scripts).length).toBeLessThanOrEqual(14);
  });
});
