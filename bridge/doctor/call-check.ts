import type { DoctorCheck } from "@armorclaw/protocol";
import { checkTurn, type TurnFinding, type TurnSettings } from "../adapters/webrtc/index.ts";
import type { Clock } from "../platform/clock.ts";
import { ok, trouble, warning } from "./finding.ts";

/**
 * Checks that browsers can open the call page and that the relay works.
 * @param turn undefined when calls are switched off
 * @param pageUrl undefined when no listener serves the call page
 */
export async function checkCalls(
  turn: TurnSettings | undefined,
  pageUrl: string | undefined,
  clock: Clock,
): Promise<DoctorCheck[]> {
  if (turn === undefined) return [ok("calls", "Calls are switched off (webrtc.enabled)")];
  return [pageCheck(pageUrl), ...(await relayChecks(turn, clock))];
}

function pageCheck(url: string | undefined): DoctorCheck {
  if (url === undefined)
    return warning("calls", "No listener serves the call page", "Set listen.http.address, e.g. to 127.0.0.1:7878");
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || /^(?:localhost|127\.|\[::1\])/.test(hostname))
    return ok("calls", `The call page is ${url}`);
  const remedy = "Put a TLS proxy before it and set webrtc.public_url to the proxy's https address";
  return trouble("calls", `The call page is ${url}, and browsers give the microphone to https pages alone`, remedy);
}

async function relayChecks(turn: TurnSettings, clock: Clock): Promise<DoctorCheck[]> {
  if (turn.urls.length === 0)
    return [ok("relay", "None is configured: callers have to reach the bridge's own UDP ports")];
  return (await checkTurn(turn, clock)).map(relayCheck);
}

function relayCheck({ url, outcome, message }: TurnFinding): DoctorCheck {
  switch (outcome) {
    case "allocated":
      return ok("relay", `${url} works: ${message}`);
    case "refused":
      return trouble(
        "relay",
        `${url}: ${message}`,
        "Set webrtc.turn_secret_file to a file with coturn's static-auth-secret (with use-auth-secret), and synchronize both clocks",
      );
    case "open":
      return warning("relay", `${url}: ${message}`, "Set use-auth-secret and static-auth-secret in turnserver.conf");
    case "failed":
      return trouble("relay", `${url}: ${message}`, "Read coturn's log, and its limits on users and ports");
    default:
      return trouble(
        "relay",
        `${url} cannot be reached: ${message}`,
        "Start coturn there (`systemctl start coturn`), open its port in the firewall, or correct webrtc.turn_urls",
      );
  }
}
