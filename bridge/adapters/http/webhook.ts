import { DeliveryError, type Destination } from "../../outbox/index.ts";
import { CircuitOpenError, type Circuits, type Health, type Settled } from "./circuits.ts";
import { type Answer, exchange } from "./exchange.ts";

/**
 * Posts messages as JSON to the webhooks that the operator configured. The lane is the name of the webhook, and `Idempotency-Key`
 * is the transaction id. Webhooks at one host share a circuit, and their messages wait while it is open.
 */
export function webhook(urls: ReadonlyMap<string, string>, circuits: Circuits): Destination {
  return {
    name: "webhook",
    async send({ lane, body }, transactionId, signal) {
      const url = urls.get(lane);
      if (url === undefined) throw new DeliveryError("permanent", `No webhook has the name ${lane}`);
      const deliver = () => post(lane, url, { key: transactionId, body: JSON.stringify(body), signal });
      await circuits.run(new URL(url).host, deliver, healthOf).catch((error: unknown) => {
        if (!(error instanceof CircuitOpenError)) throw error;
        const { retryAfterMs } = error;
        throw new DeliveryError("deferred", `${lane} failed too often in a row; messages wait`, { retryAfterMs });
      });
      return undefined;
    },
  };
}

/** Posts by the same code as the calls of agents: one checked address, no redirects. The operator chose the host, so any address will do. */
async function post(
  lane: string,
  target: string,
  { key, body, signal }: { key: string; body: string; signal: AbortSignal },
) {
  const url = new URL(target);
  const answer = await exchange({
    url,
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: Buffer.from(body),
    signal,
    responseBytesMax: 0,
    privateHosts: [url.hostname.toLowerCase()],
  }).catch((cause: unknown) => {
    throw new DeliveryError("transient", `${lane} could not be reached`, { cause });
  });
  if (answer.status < 200 || answer.status > 299) throw failureOf(lane, answer);
  return answer.status;
}

/** A receiver that refuses or asks for time is healthy. */
function healthOf(end: Settled<number>): Health {
  if (!("error" in end)) return "healthy";
  return end.error instanceof Refusal && end.error.status < 500 ? "healthy" : "failing";
}

/** The receiver answered and did not accept the message. */
class Refusal extends DeliveryError {
  readonly status: number;

  constructor(lane: string, status: number, isTransient: boolean, retryAfterMs: number) {
    const options = retryAfterMs > 0 ? { retryAfterMs } : {};
    super(isTransient ? "transient" : "permanent", `${lane} answered ${status}`, options);
    this.status = status;
  }
}

function failureOf(lane: string, { status, headers }: Answer): Refusal {
  const retryAfterMs = waitOf(headers["retry-after"] ?? "", Date.parse(headers["date"] ?? ""));
  const isTransient = status === 408 || status === 425 || status === 429 || status >= 500;
  return new Refusal(lane, status, isTransient, retryAfterMs);
}

/**
 * `Retry-After` is a number of seconds, or a date by the receiver's clock.
 * @returns NaN when the header is missing or invalid
 */
function waitOf(retryAfter: string, theirNowMs: number): number {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - theirNowMs;
}
