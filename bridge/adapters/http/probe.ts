import { BridgeError, type Secret } from "@armorclaw/protocol";
import { type Keystore, type Provider, providerOf } from "../../keystore/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { exchange } from "./exchange.ts";

export interface ProbeResult {
  readonly outcome: "accepted" | "rejected" | "unreachable" | "untestable";
  readonly message: string;
  readonly httpStatus: number | null;
  readonly durationMs: number;
}

const probeDeadlineMs = 15_000;
const answerBytesMax = 8 * 1024 * 1024;

/** Asks a provider whether it accepts a stored key. */
export interface KeyProbe {
  /** @throws BridgeError KEY_NOT_FOUND, KEYSTORE_LOCKED */
  test(id: string): Promise<ProbeResult>;
}

export const keyProbe = (keystore: Pick<Keystore, "read">, clock: Clock): KeyProbe => ({
  test: async (id) => {
    const { info, value } = await keystore.read(id);
    return await probeKey(providerOf(info.provider), info.baseUrl, value, clock);
  },
});

/** Asks a provider whether it accepts a key, by a call that costs nothing. `baseUrl` is the address that the operator set. */
export async function probeKey(
  provider: Provider | undefined,
  baseUrl: string | null,
  value: Secret,
  clock: Clock,
): Promise<ProbeResult> {
  const base = baseUrl ?? provider?.baseUrl;
  if (provider?.probe === undefined || base === undefined)
    return {
      outcome: "untestable",
      message: "No free call is known for this provider",
      httpStatus: null,
      durationMs: 0,
    };
  const startedAt = clock.monotonic();
  const { path, header, prefix } = provider.probe;
  const url = new URL(`${base.replace(/\/$/, "")}${path}`);
  const done = (outcome: ProbeResult["outcome"], message: string, httpStatus: number | null) => ({
    outcome,
    message,
    httpStatus,
    durationMs: Math.round(clock.monotonic() - startedAt),
  });
  try {
    const { status } = await exchange({
      url,
      method: "GET",
      headers: { [header]: `${prefix}${value.reveal()}`, "anthropic-version": "2023-06-01", "user-agent": "armorclaw" },
      body: undefined,
      signal: AbortSignal.timeout(probeDeadlineMs),
      responseBytesMax: answerBytesMax,
      privateHosts: baseUrl === null ? [] : [url.hostname.toLowerCase()],
    });
    if (status === 401 || status === 403) return done("rejected", `${provider.name} does not accept it`, status);
    if (status >= 200 && status < 300) return done("accepted", `${provider.name} accepts it`, status);
    return done("unreachable", `${provider.name} answered ${status}, which shows nothing about the key`, status);
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    return done("unreachable", error.message, null);
  }
}
