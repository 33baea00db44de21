import type { DoctorCheck } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import { checkListener as connect } from "../rpc/index.ts";
import { messageOf, ok, trouble, warning } from "./finding.ts";

const certificateWarningMs = 14 * 86_400_000;
const renew = "Renew the certificate, and restart the bridge";

export interface ListenerAddress {
  readonly name: string;
  /** Undefined while the listener is not open. */
  readonly url: string | undefined;
}

/** Connects to each configured listener and reads its certificate's end. */
export async function checkListeners(listeners: readonly ListenerAddress[], clock: Clock): Promise<DoctorCheck[]> {
  if (listeners.length === 0)
    return [ok("listeners", "None is configured: clients reach the bridge by its own socket alone")];
  return await Promise.all(listeners.map((listener) => checkListener(listener, clock)));
}

async function checkListener({ name, url }: ListenerAddress, clock: Clock): Promise<DoctorCheck> {
  if (url === undefined)
    return trouble(name, "The listener is not open", "The log has the reason; then restart the bridge");
  try {
    const { certificateUntilMs } = await connect(url);
    if (certificateUntilMs === undefined) return ok(name, `${url} answers`);
    const until = new Date(certificateUntilMs).toISOString();
    if (certificateUntilMs < clock.now()) return trouble(name, `The certificate of ${url} ended at ${until}`, renew);
    if (certificateUntilMs < clock.now() + certificateWarningMs)
      return warning(name, `The certificate of ${url} ends at ${until}`, renew);
    return ok(name, `${url} answers; its certificate is valid until ${until}`);
  } catch (error) {
    const remedy = "Find what listens there (`ss -ltnp`), and restart the bridge";
    return trouble(name, `${url} does not answer: ${messageOf(error)}`, remedy);
  }
}
