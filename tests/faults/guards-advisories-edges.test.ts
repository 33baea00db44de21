import { methods, Secret } from "@armorclaw/protocol";
import { afterAll } from "@jest/globals";
import { isPublic } from "../../bridge/adapters/http/addresses.ts";
import { scrub } from "../../bridge/adapters/http/scrub.ts";
import { Attachments } from "../../bridge/attachments/index.ts";
import { cefLine } from "../../bridge/audit/index.ts";
import { testAnalogues } from "../support/security/advisories.ts";
import { type Analogue, rightsUnderAttack } from "../support/security/guard-rights.ts";

const attacked = rightsUnderAttack();
const { clock, code, explain, openApprovals, question, reach, store } = attacked;
afterAll(() => attacked.close());

const analogues: Analogue[] = [
  [
    "paths",
    "CVE-2026-35632",
    "a configuration is written outside its place",
    () =>
      ["../x", "/etc/passwd", "a/../b", "a\\b"].every(
        (name) => !methods["config.attach"].params.safeParse({ name, content: "x" }).success,
      ),
  ],
  [
    "paths",
    "GHSA-5xfq",
    "an id is used as a path",
    () => ["../k", "k/../../x", ".", ""].every((id) => !methods["keystore.get"].params.safeParse({ id }).success),
  ],
  [
    "configuration",
    "CVE-2026-25593",
    "an agent applies a configuration itself",
    () => !explain("agent:gmail-1", "config.attach").allowed,
  ],
  [
    "configuration",
    "CVE-2026-27007",
    "a proposal is applied over a version that it was not made for",
    async () => {
      const attachments = new Attachments(store, clock, () => undefined);
      const draft = { name: "a.env", content: "1", encoding: "raw" as const, type: "raw", metadata: {} };
      const proposal = attachments.proposal(draft);
      await attachments.attach({ ...draft, content: "2" }, "user:1000");
      return (
        (await code(() => store.writeNow((sql) => attachments.applyProposal(sql, proposal, "user:1000")))) ===
        "CONFIG_CHANGED"
      );
    },
  ],
  [
    "ssrf",
    "GHSA-8cp7",
    "private addresses in IPv6 transition forms",
    () => ["::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:1::"].every((address) => !isPublic(address)),
  ],
  [
    "ssrf",
    "browser routes",
    "the host of a URL is read in two ways",
    async () =>
      (
        await Promise.all(
          [
            "https://api.example.org@evil.test/v1",
            "https://api.example.org.evil.test/v1",
            "https://api.example.org\\@evil.test/v1",
          ].map((url) => code(reach(url))),
        )
      ).every((one) => one === "DESTINATION_REFUSED"),
  ],
  [
    "ssrf",
    "CVE-2026-32973",
    "a path leaves its root by encoded dots",
    async () =>
      (
        await Promise.all(
          [
            "https://api.example.org/v1/%2e%2e/admin",
            "https://api.example.org/v1/..%2fadmin",
            "https://api.example.org/v10",
          ].map((url) => code(reach(url))),
        )
      ).every((one) => one === "DESTINATION_REFUSED"),
  ],
  [
    "disclosure",
    "CVE-2026-41385",
    "a secret comes back in another encoding",
    async () =>
      !(
        await scrub(
          Buffer.from(Buffer.from("xsk-secret-value").toString("base64")),
          new Map([["T", "sk-secret-value"]]),
        )
      ).includes(Buffer.from("sk-secret-value").toString("base64").slice(2, -4)),
  ],
  [
    "disclosure",
    "CVE-2026-27003",
    "a secret is logged with its object",
    () =>
      !JSON.stringify({ a: Secret.fromText("sk-x") }).includes("sk-x") && `${Secret.fromText("sk-x")}` === "[secret]",
  ],
  [
    "spoofing",
    "GHSA-g27f",
    "an agent's text makes a line of its own in an exported record",
    () => {
      const act = {
        seq: 1,
        kind: "act" as const,
        act: null,
        time: 0,
        principal: "agent:a",
        method: "m",
        paramsDigest: "",
        result: "",
        calls: 1,
        outcome: "ok",
        correlationId: "",
        subject: "x\nCEF:0|fake",
        mac: new Uint8Array(),
      };
      return cefLine("1", act).split("\n").length === 1;
    },
  ],
  [
    "resources",
    "CVE-2026-41399",
    "open questions are piled up without end",
    async () => {
      const few = openApprovals(2);
      await few.request(question("1", "agent:flood-1"));
      await few.request(question("2", "agent:flood-1"));
      const answer = await code(() => few.request(question("3", "agent:flood-1")));
      await few.stop();
      return answer === "APPROVAL_LIMIT";
    },
  ],
];

testAnalogues(analogues);
