import type { Act } from "./store.ts";

/** One JSON object a line, with its keys always in the same order. */
export function jsonLine(act: Act): string {
  const { seq, time, principal, method, paramsDigest, outcome, correlationId, subject, calls, mac } = act;
  return JSON.stringify({
    seq,
    time: new Date(time).toISOString(),
    principal,
    method,
    params_digest: paramsDigest,
    result: outcome,
    correlation_id: correlationId,
    subject,
    calls,
    mac: Buffer.from(mac).toString("hex"),
  });
}

/** The Common Event Format, version 0, as log collectors read it. */
export function cefLine(version: string, act: Act): string {
  const { seq, time, principal, method, paramsDigest, outcome, correlationId, subject, calls } = act;
  const severity = outcome === "ok" ? 3 : 6;
  const head = ["CEF:0", "ArmorClaw", "bridge", version, method, method, String(severity)].map(header).join("|");
  const fields = {
    rt: String(time),
    externalId: String(seq),
    suser: principal,
    outcome,
    cnt: String(calls),
    cs1Label: "params_digest",
    cs1: paramsDigest,
    cs2Label: "correlation_id",
    cs2: correlationId,
    ...(subject === null ? {} : { duid: subject }),
  };
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${extension(value)}`);
  return `${head}|${pairs.join(" ")}`;
}

const header = (text: string): string => text.replaceAll(/[\\|]/g, "\\$&").replaceAll(/[\r\n]/g, " ");

const extension = (text: string): string =>
  text.replaceAll(/[\\=]/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
