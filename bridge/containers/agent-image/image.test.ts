import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { readElf } from "./elf.ts";
import { buildImage } from "./image.ts";
import { collectRuntimeFiles, type RuntimeFiles } from "./runtime-files.ts";

const quiet = () => undefined;

/** The real file list with a small file in place of Node, so that builds are quick. */
function smallFiles(directory: string, agentText: string): RuntimeFiles {
  const bundle = join(directory, "agent.mjs");
  writeFileSync(bundle, agentText);
  const files = collectRuntimeFiles(process.execPath, bundle);
  const runtime = files.runtime.filter(({ path }) => !path.startsWith("lib") && path !== "bin/node");
  return { ...files, runtime: [{ path: "bin/node", mode: 0o755, from: { text: "node" } }, ...runtime] };
}

test("the same files give the same image, and another agent bundle gives another", () => {
  using directory = tempDirectory();
  const first = buildImage(smallFiles(directory.path, "1"), "x64", quiet);
  const again = buildImage(smallFiles(directory.path, "1"), "x64", quiet);
  const other = buildImage(smallFiles(directory.path, "2"), "x64", quiet);
  expect(Buffer.concat(again.archive).equals(Buffer.concat(first.archive))).toBe(true);
  expect(other.content).not.toBe(first.content);
});

test("tar and Docker can read the archive, and its /tmp is writable for everyone", () => {
  using directory = tempDirectory();
  const { archive, content, tag } = buildImage(smallFiles(directory.path, "agent"), "arm64", quiet);
  const out = join(directory.path, "out");
  mkdirSync(out);
  execFileSync("tar", ["-x", "-C", out], { input: Buffer.concat(archive) });
  const read = (name: string) => JSON.parse(execFileSync("cat", [join(out, name)], { encoding: "utf8" }));
  const [{ Config, RepoTags, Layers }] = read("manifest.json");
  expect(RepoTags).toEqual([tag]);
  const config = read(Config);
  expect(config).toMatchObject({ architecture: "arm64", config: { Labels: { "ac.content": content } } });
  expect(config.rootfs.diff_ids).toEqual(Layers.map((name: string) => `sha256:${name.replace(".tar", "")}`));
  const listing = execFileSync("tar", ["-tvf", join(out, Layers[0])], { encoding: "utf8" });
  expect(listing).toMatch(/^drwxrwxrwt 0\/0 .* tmp\/$/m);
  expect(listing).toMatch(/^-rwxr-xr-x 0\/0 .* bin\/node$/m);
  expect(listing).not.toMatch(/bin\/sh/);
});

test("Node's libraries are found by reading its ELF file", () => {
  const { interpreter, needed } = readElf(process.execPath);
  expect(interpreter).toMatch(/^\/lib.*ld-.*\.so/);
  expect(needed).toContain("libc.so.6");
});

test("a file that is not a program is refused by name", () => {
  using directory = tempDirectory();
  const file = join(directory.path, "node");
  writeFileSync(file, "#!/bin/sh");
  expect(() => collectRuntimeFiles(file, file)).toThrow(
    expect.objectContaining({ code: "IMAGE_BUILD_FAILED", message: expect.stringContaining(file) }),
  );
});
