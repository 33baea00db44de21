import type { Peer } from "./peer.ts";

/** Each peer is imported where it runs, so that a server's memory does not include other peers' libraries. */
export const peers = {
  armorclaw: async () => (await import("./peers/armorclaw.ts")).armorclaw,
  "armorclaw-sdk": async () => (await import("./peers/armorclaw.ts")).armorclawSdk,
  "raw-copy": async () => (await import("./peers/raw-copy.ts")).rawCopy,
  "raw-json": async () => (await import("./peers/raw-json.ts")).rawJson,
  "json-rpc-2.0": async () => (await import("./peers/json-rpc-naive.ts")).jsonRpcNaive,
  "vscode-jsonrpc": async () => (await import("./peers/vscode-jsonrpc.ts")).vscodeJsonRpc,
  jayson: async () => (await import("./peers/jayson.ts")).jaysonOwn,
  "jayson-kept": async () => (await import("./peers/jayson.ts")).jaysonKept,
  "grpc-js": async () => (await import("./peers/grpc.ts")).grpc,
  "node-http": async () => (await import("./peers/node-http.ts")).nodeHttp,
} as const satisfies Record<string, () => Promise<Peer>>;

export type PeerName = keyof typeof peers;
export const peerNames = Object.keys(peers) as PeerName[];
