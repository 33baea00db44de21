import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type RuntimeFile, type RuntimeFiles, readRuntimeFile } from "./runtime-files.ts";
import { Tar } from "./tar.ts";

export interface AgentImage {
  /** Identifies the image's content; the engine stores it as the image's label. */
  readonly content: string;
  readonly tag: string;
  /** The image as a docker-archive, in pieces. */
  readonly archive: readonly Buffer[];
}

/** The value of this label is the digest of the image's content. */
export const contentLabel = "ac.content";

/** The version of the build; it is part of the key under which a built image is remembered. */
export const imageFormat = 1;

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
const epoch = "1970-01-01T00:00:00Z";

/** Builds the image from nothing: no base image, no registry, no shell. The same files give the same image. */
export function buildImage(files: RuntimeFiles, arch: string, onProgress: (message: string) => void): AgentImage {
  onProgress("Building the agent image: Node, its libraries and the agent, nothing else");
  const layers = [runtimeLayer(files), agentLayer(files.agent)].map((pieces) => ({ pieces, digest: sha256(pieces) }));
  const content = contentOfLayers(layers.map(({ digest }) => digest));
  const config = Buffer.from(
    JSON.stringify({
      architecture: architectures[arch] ?? arch,
      os: "linux",
      created: epoch,
      config: { Entrypoint: ["/bin/node"], WorkingDir: "/app", Labels: { [contentLabel]: content } },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
      history: layers.map(() => ({ created: epoch, created_by: "armorclaw" })),
    }),
  );
  const configName = `${sha256([config])}.json`;
  const tag = `armorclaw/agent:${content.slice(0, 16)}`;
  const manifest = [{ Config: configName, RepoTags: [tag], Layers: layers.map(({ digest }) => `${digest}.tar`) }];
  const archive = new Tar().file(configName, [config], 0o644);
  for (const { pieces, digest } of layers) archive.file(`${digest}.tar`, pieces, 0o644);
  archive.file("manifest.json", [Buffer.from(JSON.stringify(manifest))], 0o644);
  return { content, tag, archive: archive.end() };
}

/** Computes the digest of an image's content from its layers' digests. */
export const contentOfLayers = (digests: readonly string[]): string =>
  sha256(digests.map((digest) => Buffer.from(digest)));

function runtimeLayer({ runtime, directories }: RuntimeFiles): readonly Buffer[] {
  const tar = new Tar();
  const modes = new Map(directories.map(({ path, mode }) => [path, mode]));
  for (const { path } of runtime) addParents(path, modes);
  for (const [path, mode] of [...modes].sort(([a], [b]) => (a < b ? -1 : 1))) tar.directory(path, mode);
  for (const file of runtime) tar.file(file.path, [contentOf(file)], file.mode);
  return tar.end();
}

/** The agent has a layer of its own, so that its update takes only a few kilobytes. */
function agentLayer(agent: RuntimeFile): readonly Buffer[] {
  return new Tar().file(agent.path, [readRuntimeFile(agent)], agent.mode).end();
}

function addParents(path: string, modes: Map<string, number>): void {
  for (let parent = dirname(path); parent !== "."; parent = dirname(parent))
    if (!modes.has(parent)) modes.set(parent, 0o755);
}

/** Removes Node's symbols where `strip` is installed, which saves 18 MB; returns Node unchanged elsewhere. */
function contentOf(file: RuntimeFile): Buffer {
  if (file.path !== "bin/node" || !("file" in file.from)) return readRuntimeFile(file);
  const directory = mkdtempSync(join(tmpdir(), "armorclaw-"));
  try {
    const target = join(directory, "node");
    execFileSync("strip", ["-s", "-o", target, file.from.file], { stdio: "ignore", timeout: 60_000 });
    return readFileSync(target);
  } catch {
    return readRuntimeFile(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sha256(pieces: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
