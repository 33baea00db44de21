import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { BridgeError } from "@armorclaw/protocol";
import type Docker from "dockerode";
import * as z from "zod";
import { buildImage, contentLabel, contentOfLayers, imageFormat } from "../agent-image/image.ts";
import type { RuntimeFiles } from "../agent-image/runtime-files.ts";
import { inspectImage } from "./docker-client.ts";
import { tolerate, translateDockerError } from "./docker-errors.ts";

const loadTimeoutMs = 120_000;
const callTimeoutMs = 10_000;

/** The file that records which image was built from which files, so that a start need not read 120 MB. */
const Remembered = z.object({ key: z.string(), image_id: z.string(), content: z.string() });
type Remembered = z.output<typeof Remembered>;

/**
 * Makes sure that the engine has the image of these files, and returns its id. The engine assigns the id to the
 * image, so it need not be the digest of its configuration; the bridge's label identifies the content.
 * @throws BridgeError IMAGE_BUILD_FAILED, ENGINE_UNAVAILABLE
 */
export async function ensureImage(
  docker: Docker,
  files: RuntimeFiles,
  stateDirectory: string,
  onProgress: (message: string) => void,
): Promise<string> {
  const path = join(stateDirectory, "image.json");
  const key = `${imageFormat}-${process.arch}-${files.key}`;
  const remembered = readRemembered(path);
  try {
    if (remembered?.key === key && (await find(docker, remembered.content)) === remembered.image_id)
      return remembered.image_id;
    const { id, content } = await buildAndLoad(docker, files, onProgress);
    writeFileSync(path, JSON.stringify({ key, image_id: id, content } satisfies Remembered), { mode: 0o600 });
    if (remembered !== undefined && remembered.image_id !== id) await removeUnused(docker, remembered.image_id);
    return id;
  } catch (error) {
    throw translateDockerError(error, "IMAGE_BUILD_FAILED");
  }
}

async function buildAndLoad(docker: Docker, files: RuntimeFiles, onProgress: (message: string) => void) {
  const image = buildImage(files, process.arch, onProgress);
  const present = await find(docker, image.content);
  if (present !== undefined) return { id: present, content: image.content };
  onProgress("Loading the agent image into Docker");
  const answer = await docker.loadImage(Readable.from(image.archive, { objectMode: false }), {
    abortSignal: AbortSignal.timeout(loadTimeoutMs),
  });
  const said = await readAll(answer);
  const id = await find(docker, image.content);
  if (id === undefined)
    throw new BridgeError("IMAGE_BUILD_FAILED", `Docker did not load the agent image: ${said.slice(-500)}`);
  return { id, content: image.content };
}

async function find(docker: Docker, content: string): Promise<string | undefined> {
  const filters = { label: [`${contentLabel}=${content}`] };
  const images = await docker.listImages({ filters, abortSignal: AbortSignal.timeout(callTimeoutMs) });
  for (const { Id } of images) {
    const image = await inspectImage(docker, Id, AbortSignal.timeout(callTimeoutMs));
    if (isGenuine(image, content)) return Id;
  }
  return undefined;
}

/** Any image can have this label or tag, so the digests of the layers and the entry point are compared, too. */
export function isGenuine(
  image: {
    readonly RootFS?: { readonly Layers?: readonly string[] | undefined };
    readonly Config: { readonly Entrypoint?: string | readonly string[] | undefined };
  },
  content: string,
): boolean {
  const layers = image.RootFS?.Layers ?? [];
  const isOurs = contentOfLayers(layers.map((layer) => layer.replace(/^sha256:/, ""))) === content;
  return isOurs && String(image.Config.Entrypoint) === "/bin/node";
}

/** Removes the image of an earlier version. Docker refuses that for an image in use, which then stays. */
async function removeUnused(docker: Docker, id: string): Promise<void> {
  await tolerate([404, 409], docker.getImage(id).remove({ abortSignal: AbortSignal.timeout(callTimeoutMs) }));
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text = (text + String(chunk)).slice(-4096);
  return text;
}

function readRemembered(path: string): Remembered | undefined {
  try {
    return Remembered.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
