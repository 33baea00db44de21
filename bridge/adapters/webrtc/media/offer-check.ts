import { OfferRefused } from "./transport.ts";

/** A browser's audio offer is 2–6 kB. */
const offerBytesMax = 32 * 1024;
const sectionsMax = 4;
const candidatesMax = 64;

/**
 * Checks that an offer looks like a browser's before werift parses it: werift takes garbage for an empty offer, and spends seconds
 * on one with thousands of sections.
 * @returns the offer without its candidates, and the candidates
 * @throws OfferRefused
 */
export function checkOffer(sdp: string): { readonly sdp: string; readonly candidates: readonly string[] } {
  if (Buffer.byteLength(sdp) > offerBytesMax) throw new OfferRefused(`The offer is longer than ${offerBytesMax} bytes`);
  if (/[^\x20-\x7e\r\n\t]/.test(sdp)) throw new OfferRefused("The offer has characters that are invalid in SDP");
  const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
  if (lines[0] !== "v=0" || lines.some((line) => !/^[a-z]=/.test(line))) throw new OfferRefused("The offer is not SDP");
  const candidates = lines.filter((line) => line.startsWith("a=candidate:")).map((line) => line.slice(2));
  if (candidates.length > candidatesMax) throw new OfferRefused(`The offer has more than ${candidatesMax} candidates`);
  checkSections(lines);
  const kept = lines.filter((line) => !/^a=(?:candidate:|end-of-candidates)/.test(line));
  return { sdp: `${kept.join("\r\n")}\r\n`, candidates };
}

function checkSections(lines: readonly string[]): void {
  const starts = lines.flatMap((line, index) => (line.startsWith("m=") ? [index] : []));
  if (starts.length > sectionsMax) throw new OfferRefused(`The offer has more than ${sectionsMax} sections`);
  const sections = starts.map((start, index) => lines.slice(start, starts[index + 1]));
  const audio = sections.filter(([first = ""]) => /^m=audio [1-9]/.test(first));
  if (audio.length !== 1) throw new OfferRefused("The offer must have one audio section");
  const session = lines.slice(0, starts[0]);
  const inAudio = [...session, ...(audio[0] ?? [])];
  require(inAudio, /^a=rtpmap:\d+ opus\/48000\/2$/i, "no Opus");
  require(inAudio, /^a=ice-ufrag:[\w+/-]{4,256}$/, "no ICE user fragment");
  require(inAudio, /^a=ice-pwd:[\w+/-]{22,256}$/, "no ICE password");
  require(inAudio, /^a=fingerprint:sha-(?:256|384|512) (?:[0-9A-F]{2}:){31,63}[0-9A-F]{2}$/i, "no DTLS fingerprint");
  if (inAudio.some((line) => /^a=(?:recvonly|inactive)$/.test(line)))
    throw new OfferRefused("The offer's audio section sends nothing");
}

function require(lines: readonly string[], pattern: RegExp, what: string): void {
  if (!lines.some((line) => pattern.test(line))) throw new OfferRefused(`The offer has ${what}`);
}
