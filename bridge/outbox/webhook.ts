import { DeliveryError, type Destination } from "./destination.ts";

/**
 * Posts messages as JSON to URLs that the operator configured, by their names. The lane is the name. `Idempotency-Key` is the
 * transaction id.
 */
export function webhook(urls: ReadonlyMap<string, string>): Destination {
  return {
    name: "webhook",
    async send({ lane, body }, transactionId, signal) {
      const url = urls.get(lane);
      if (url === undefined) throw new DeliveryError("permanent", `No webhook is called ${lane}`);
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": transactionId },
        body: JSON.stringify(body),
        redirect: "error",
        signal,
      }).catch((cause: unknown) => {
        throw new DeliveryError("transient", `${lane} was not reached`, { cause });
      });
      await response.body?.cancel();
      if (!response.ok) throw failureOf(lane, response);
      return undefined;
    },
  };
}

function failureOf(lane: string, { status, headers }: Response): DeliveryError {
  const message = `${lane} answered ${status}`;
  const retryAfterMs = waitOf(headers.get("retry-after") ?? "", Date.parse(headers.get("date") ?? ""));
  const isTransient = status === 408 || status === 425 || status === 429 || status >= 500;
  return new DeliveryError(isTransient ? "transient" : "permanent", message, retryAfterMs > 0 ? { retryAfterMs } : {});
}

/**
 * `Retry-After` is a number of seconds or a date, which is taken by the other side's own clock.
 * @returns NaN when it says nothing
 */
function waitOf(retryAfter: string, theirNowMs: number): number {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - theirNowMs;
}
