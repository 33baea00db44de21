import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { untrusted } from "../../../platform/os/trusted-file.ts";
import { withoutTrailingSlashes } from "../../../platform/trailing-slashes.ts";
import type { CallsSettings } from "../calls/call-types.ts";

/** The configuration's table `webrtc`, as far as calls go. */
export interface CallConfig
  extends Pick<CallsSettings, "tokenTtlMs" | "setupMs" | "graceMs" | "idleMs">,
    Pick<CallsSettings["limits"], "concurrentMax" | "concurrentPerPrincipalMax">,
    Pick<CallsSettings["media"], "addresses" | "remoteCandidates"> {
  readonly announcedAddress?: string | undefined;
  readonly portFirst: number;
  readonly portLast: number;
  readonly perHourMax: number;
  readonly durationMaxMs: number;
  readonly turnUrls: readonly string[];
  readonly turnSecretFile?: string | undefined;
  readonly turnTtlMs: number;
}

/** Groups the configuration by what each part of a call takes. @throws BridgeError CONFIG_INVALID */
export function callSettings(config: CallConfig, stateDirectory: string): CallsSettings {
  return {
    tokenTtlMs: config.tokenTtlMs,
    setupMs: config.setupMs,
    graceMs: config.graceMs,
    idleMs: config.idleMs,
    media: {
      addresses: config.addresses,
      announcedAddress: config.announcedAddress,
      portRange: [config.portFirst, config.portLast],
      remoteCandidates: config.remoteCandidates,
    },
    limits: {
      concurrentMax: config.concurrentMax,
      concurrentPerPrincipalMax: config.concurrentPerPrincipalMax,
      perHourPerPrincipalMax: config.perHourMax,
    },
    turn: { urls: config.turnUrls, secret: turnSecret(config), ttlMs: config.turnTtlMs },
    maxDurationMs: config.durationMaxMs,
    recordingsDirectory: join(stateDirectory, "recordings"),
  };
}

function turnSecret({ turnUrls: urls, turnSecretFile: file }: CallConfig): string | undefined {
  if (urls.length === 0) return undefined;
  if (file === undefined) throw new BridgeError("CONFIG_INVALID", "webrtc.turn_urls needs webrtc.turn_secret_file");
  try {
    const secret = readFileSync(file, "utf8").trim();
    const danger = untrusted(file);
    if (danger === undefined) return secret;
    throw new BridgeError("CONFIG_INVALID", `webrtc.turn_secret_file: ${file} is not safe: ${danger}`);
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    throw new BridgeError("CONFIG_INVALID", `webrtc.turn_secret_file: ${file} cannot be read`, undefined, { cause });
  }
}

/** Where browsers find the call page: the configured address, or else the HTTP listener's. */
export function callPageUrl(
  { publicUrl }: { readonly publicUrl?: string | undefined },
  listenerUrl: string | undefined,
) {
  return publicUrl === undefined ? listenerUrl : withoutTrailingSlashes(publicUrl);
}
