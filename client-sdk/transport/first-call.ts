import { ConnectionError, errorFromWire } from "../types/errors.ts";
import type { OpenTransport } from "./transport.ts";

/**
 * A transport on which one call is answered before anything else is sent; it does not open when that is refused.
 * @param request makes the call's line once the transport is open; undefined for none, as whoever serves may not ask for one
 */
export function answeredFirst(open: OpenTransport, request: () => Promise<string | undefined>): OpenTransport {
  return async (events, signal) => {
    const answer = Promise.withResolvers<void>();
    answer.promise.catch(() => undefined);
    let isIn = false;
    const onLine = (line: string) => {
      try {
        const { error } = JSON.parse(line) as { readonly error?: Parameters<typeof errorFromWire>[0] };
        if (error !== undefined) throw errorFromWire(error);
        isIn = true;
        answer.resolve();
      } catch (error) {
        answer.reject(error);
      }
    };
    const transport = await open(
      {
        onLine: (line) => (isIn ? events.onLine(line) : onLine(line)),
        onDrain: () => events.onDrain(),
        onClose(reason) {
          if (isIn) events.onClose(reason);
          else answer.reject(reason ?? new ConnectionError("CLOSED", "The bridge closed the connection at once"));
        },
      },
      signal,
    );
    const onAbort = () => answer.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const line = await request();
      if (line === undefined) {
        // Input before the request is a refusal or the end of the connection.
        await Promise.race([answer.promise, undefined]);
        isIn = true;
      } else {
        transport.send(line, true);
        await answer.promise;
      }
      return transport;
    } catch (error) {
      transport.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
}
