import { existsSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol";
import type Docker from "dockerode";
import type { DockerInfo } from "./docker-status.ts";

/** Returns false when the host is a socket file that does not exist, without loading the client. */
export function mayAnswer(host: string | undefined): boolean {
  const { socketPath } = clientOptions(host);
  return socketPath === undefined || process.platform === "win32" || existsSync(socketPath);
}

/** Opens no connection yet: the client opens one per call. */
export async function connectDocker(host: string | undefined): Promise<Docker> {
  const { default: DockerClient } = await import("dockerode");
  return new DockerClient(clientOptions(host));
}

function clientOptions(host: string | undefined): Docker.DockerOptions {
  if (host === undefined || host === "")
    return { socketPath: process.platform === "win32" ? "//./pipe/docker_engine" : "/var/run/docker.sock" };
  const [, scheme, rest = ""] = /^([a-z]+):\/\/(.+)$/.exec(host) ?? [];
  if (scheme === "unix" || scheme === "npipe") return { socketPath: rest };
  const tcp = /^([^:/]+|\[[^\]]+\]):(\d+)$/.exec(rest);
  if (scheme === "tcp" && tcp?.[1] !== undefined)
    return { protocol: "http", host: tcp[1].replace(/^\[|\]$/g, ""), port: Number(tcp[2]) };
  throw new BridgeError(
    "ENGINE_UNAVAILABLE",
    `The Docker host ${host} is not understood: it is unix:///path, npipe:////./pipe/name or tcp://host:port`,
  );
}

/** Calls with options that the client accepts but its types omit. */
interface WithDeadline {
  info(options: { abortSignal: AbortSignal }): Promise<DockerInfo>;
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
}

export const dockerInfo = (docker: Docker, abortSignal: AbortSignal): Promise<DockerInfo> =>
  (docker as Docker & WithDeadline).info({ abortSignal });

export const pingDocker = (docker: Docker, abortSignal: AbortSignal): Promise<unknown> =>
  (docker as Docker & WithDeadline).ping({ abortSignal });

interface ImageWithDeadline {
  inspect(options: { abortSignal: AbortSignal }): Promise<Docker.ImageInspectInfo>;
}

export const inspectImage = (docker: Docker, id: string, abortSignal: AbortSignal): Promise<Docker.ImageInspectInfo> =>
  (docker.getImage(id) as Pick<Docker.Image, "id"> & ImageWithDeadline).inspect({ abortSignal });
