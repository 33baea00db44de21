import { readFileSync } from "node:fs";
import { errorCatalogue } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { FromAgent, toAgentTypes } from "../../bridge/adapters/webrtc/calls/agent-messages.ts";
import { closeCodes } from "../../bridge/adapters/webrtc/signaling/signaling.ts";
import {
  signalingMethods,
  signalingNotices,
  signalingProtocol,
} from "../../bridge/adapters/webrtc/signaling/signaling-messages.ts";
import { CallEndReason, CallState } from "../../protocol/methods/webrtc.ts";

const text = readFileSync(new URL("../../docs/guides/voice-page.md", import.meta.url), "utf8");

/** The names in the first column of the table under this heading. */
function namesUnder(heading: string): string[] {
  const table = text.split(`| ${heading} |`)[1]?.split("\n\n")[0] ?? "";
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}

test.each<[string, readonly string[]]>([
  ["method", Object.keys(signalingMethods)],
  ["notification", signalingNotices],
  ["close code", Object.values(closeCodes).map(String)],
  ["state", CallState.options],
  ["reason", CallEndReason.options],
  ["to the agent", toAgentTypes],
  ["from the agent", FromAgent.options.map(({ shape }) => shape.type.value)],
])("docs/guides/voice-page.md names each %s, and none that is not", (heading, names) => {
  expect(namesUnder(heading)).toEqual([...names]);
});

test("docs/guides/voice-page.md names codes of the catalogue, params of the methods, and the protocol", () => {
  const codes = namesUnder("code");
  expect(codes.length).toBeGreaterThan(5);
  for (const code of codes) expect(Object.keys(errorCatalogue)).toContain(code);
  expect(text).toContain(`\`${signalingProtocol}\``);
  const row = (method: string) => text.split("\n").find((line) => line.startsWith(`| \`${method}\` |`)) ?? "";
  for (const [method, schema] of Object.entries(signalingMethods)) {
    const shapes = "options" in schema ? schema.options.map(({ shape }) => shape) : [schema.shape];
    for (const shape of shapes) for (const param of Object.keys(shape)) expect(row(method)).toContain(param);
  }
});
