import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { BridgeError } from "@armorclaw/protocol";
import { messageOf } from "../port/engine-options.ts";
import { findLibraries } from "./elf.ts";

/** A file of the agent's file system: a host file, or a few bytes from the bridge. */
export interface RuntimeFile {
  /** The path has no leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly from: { readonly file: string } | { readonly text: string };
}

export interface RuntimeDirectory {
  readonly path: string;
  readonly mode: number;
}

/** The files that an agent sees: Node, its libraries, certificates and user names. There is no shell and no other program. */
export interface RuntimeFiles {
  readonly runtime: readonly RuntimeFile[];
  readonly agent: RuntimeFile;
  readonly directories: readonly RuntimeDirectory[];
  /** Changes whenever a source file changes. It comes from the files' metadata, because reading 120 MB would cost each start a second. */
  readonly key: string;
}

const certificateBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

const directories: readonly RuntimeDirectory[] = [
  ...["app", "bin", "dev", "etc", "lib", "lib64", "proc", "run", "run/bridge", "sys", "workspace"].map((path) => ({
    path,
    mode: 0o755,
  })),
  // The container runtime gives the tmpfs the mode of its mount point.
  { path: "tmp", mode: 0o1777 },
];

const names: readonly RuntimeFile[] = [
  { path: "etc/passwd", text: "root:x:0:0:root:/:/sbin/nologin\nagent:x:65532:65532:agent:/tmp:/sbin/nologin\n" },
  { path: "etc/group", text: "root:x:0:\nagent:x:65532:\n" },
  { path: "etc/nsswitch.conf", text: "hosts: files dns\n" },
].map(({ path, text }) => ({ path, mode: 0o644, from: { text } }));

/** @throws BridgeError IMAGE_BUILD_FAILED */
export function collectRuntimeFiles(nodeBinary: string, agentBundle: string): RuntimeFiles {
  try {
    const { loader, files } = findLibraries(nodeBinary);
    const loaderName = loader === undefined ? undefined : basename(loader.path);
    const libraries = [...files].filter(([name]) => name !== loaderName).sort(([a], [b]) => (a < b ? -1 : 1));
    const certificates = certificateBundles.find(existsSync);
    const fromHost = (path: string, file: string, mode: number): RuntimeFile => ({ path, mode, from: { file } });
    const runtime = [
      fromHost("bin/node", nodeBinary, 0o755),
      ...libraries.map(([name, file]) => fromHost(`lib/${name}`, file, 0o644)),
      ...(loader === undefined ? [] : [fromHost(loader.path.slice(1), loader.file, 0o755)]),
      ...(certificates === undefined ? [] : [fromHost("etc/ssl/certs/ca-certificates.crt", certificates, 0o644)]),
      ...names,
    ];
    const agent = fromHost("app/agent.mjs", agentBundle, 0o644);
    return { runtime, agent, directories, key: keyOf([...runtime, agent]) };
  } catch (cause) {
    const why = messageOf(cause);
    throw new BridgeError("IMAGE_BUILD_FAILED", `The agent's file system could not be prepared: ${why}`, undefined, {
      cause,
    });
  }
}

export function readRuntimeFile({ from }: RuntimeFile): Buffer {
  return "file" in from ? readFileSync(from.file) : Buffer.from(from.text);
}

function keyOf(files: readonly RuntimeFile[]): string {
  const identities = files.map(({ path, mode, from }) => {
    if ("text" in from) return [path, mode, from.text];
    const { size, mtimeMs, ino } = statSync(from.file);
    return [path, mode, from.file, size, mtimeMs, ino];
  });
  return createHash("sha256")
    .update(JSON.stringify([directories, identities]))
    .digest("hex")
    .slice(0, 16);
}
