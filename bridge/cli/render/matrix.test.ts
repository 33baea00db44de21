import { methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import type { View } from "../core/output.ts";
import { renderMatrixLogin, renderMatrixStatus, renderVerification } from "./matrix.ts";

const view: View = { nowMs: 0, columns: 100, paint: (_style, text) => text };
const status = methods["matrix.status"].result.parse(methods["matrix.status"].example.result);
const comparison = {
  flow_id: "$U1q2",
  user_id: "@ann:example.org",
  state: "compare" as const,
  emoji: [{ symbol: "🐙", name: "Octopus" }],
};

test("the commands to type next are quoted for a shell, for a match and for a mismatch", () => {
  const text = renderVerification(comparison);
  expect(text).toContain("🐙 Octopus");
  expect(text).toContain("armorclaw matrix verify --flow-id '$U1q2' --is-equal");
  expect(text).toContain("armorclaw matrix verify --flow-id '$U1q2' --no-is-equal");
});

test("the status shows a verification that somebody else began", () => {
  expect(renderMatrixStatus(status, view)).not.toContain("--flow-id");
  expect(renderMatrixStatus({ ...status, verifications: [comparison] }, view)).toContain(
    "--flow-id '$U1q2' --is-equal",
  );
});

test("a login shows the account, and when others will be warned of the device", () => {
  const login = methods["matrix.login"].result.parse(methods["matrix.login"].example.result);
  expect(renderMatrixLogin(login)).toMatch(/^Logged in to https:.* as @bridge:example\.org, device ABCDEFGHIJ\nsigned/);
  expect(renderMatrixLogin({ ...login, is_cross_signed: false })).toContain("--recovery-key @-");
});

test.each([
  ["locked", /keystore.*locked/],
  ["logged_out", /no longer accepts the login[\s\S]*armorclaw matrix login --username @bridge/],
] as const)("the status %s shows what to do", (state, expected) => {
  const ended = { ...status, status: state, logged_in: false, connected: false, error: "Invalid access token passed." };
  expect(renderMatrixStatus(ended, view)).toMatch(expected);
});
