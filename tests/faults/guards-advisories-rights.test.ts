import { methods } from "@armorclaw/protocol";
import { afterAll } from "@jest/globals";
import { testAnalogues } from "../support/security/advisories.ts";
import { type Analogue, rightsUnderAttack } from "../support/security/guard-rights.ts";

const attacked = rightsUnderAttack();
const { access, approvals, approved, code, epochs, explain, isMatrix, question, shownAs, store, tokenOf, wait } =
  attacked;
afterAll(() => attacked.close());

const analogues: Analogue[] = [
  [
    "rights",
    "CVE-2026-22172",
    "a caller declares its own scopes in the params",
    () => methods["access.whoami"].params.safeParse({ scopes: ["admin"] }).success === false,
  ],
  [
    "rights",
    "CVE-2026-32922",
    "a token is renewed to reach more than it did",
    async () => {
      await tokenOf("gmail-1");
      const [fresh] = (await access.claim("gmail-1", true)).secrets;
      return access.resolveToken(fresh?.value ?? "", "gmail-1").destinations.length === 1;
    },
  ],
  [
    "rights",
    "CVE-2026-32916",
    "an agent's role is raised by assignment",
    async () => (await code(() => access.assign("agent:gmail-1", "admin", "user:1000"))) === "ROLE_FIXED",
  ],
  [
    "rights",
    "GHSA-hc5h",
    "an agent calls a method of operators",
    () => !explain("agent:gmail-1", "keystore.get").allowed,
  ],
  [
    "rights",
    "CVE-2026-62202",
    "a loop regains a secret that its manifest no longer asks for",
    async () => (await code(() => access.grant("other", "api", "api", "user:1000"))) === "SECRET_NOT_ASKED_FOR",
  ],
  [
    "rights",
    "GHSA-2pr2",
    "a token works on after its grant was taken back",
    async () => {
      const token = await tokenOf("gmail-1", true);
      await access.revoke("gmail", "api");
      return (await code(() => access.resolveToken(token, "gmail-1"))) === "SECRET_TOKEN_INVALID";
    },
  ],
  [
    "rights",
    "GHSA-rfqg",
    "a token of an earlier start of the agent is used",
    async () => {
      const token = await tokenOf("gmail-2");
      epochs.set("gmail-2", 2);
      return (await code(() => access.resolveToken(token, "gmail-2"))) === "SECRET_TOKEN_INVALID";
    },
  ],
  [
    "rights",
    "CVE-2026-43578",
    "another agent uses the token",
    async () => {
      const token = await tokenOf("gmail-1", true);
      return (await code(() => access.resolveToken(token, "other-1"))) === "SECRET_TOKEN_INVALID";
    },
  ],
  [
    "approval",
    "GHSA-2j8v",
    "the arguments change after the approval",
    async () => {
      await approved('{"to":"ann"}');
      return (await code(() => approvals.demand(question('{"to":"eve"}')))) === "APPROVAL_PENDING";
    },
  ],
  [
    "approval",
    "CVE-2026-22168",
    "something is appended to what was approved",
    async () => {
      await approved("a");
      return (await code(() => approvals.demand(question("a ")))) === "APPROVAL_PENDING";
    },
  ],
  [
    "approval",
    "GHSA-8g75",
    "another agent uses the approval",
    async () => {
      await approved("b");
      return (await code(() => approvals.demand(question("b", "agent:gmail-2")))) === "APPROVAL_PENDING";
    },
  ],
  [
    "approval",
    "GHSA-w6wx",
    "an approval is used twice",
    async () => {
      await approved("c");
      await approvals.demand(question("c"));
      return (await code(() => approvals.demand(question("c")))) === "APPROVAL_PENDING";
    },
  ],
  [
    "approval",
    "GHSA-q399",
    "the stored request is changed after it was shown",
    async () => {
      const { id } = await approvals.request(question("d"));
      store.writeNow((sql) => sql.run("UPDATE approvals SET request = 'e' WHERE id = ?", id));
      return (await code(() => approvals.answer("approved", { id, by: "user:1000" }))) === "APPROVAL_MISMATCH";
    },
  ],
  [
    "approval",
    "CVE-2026-27545",
    "a stale approval is used later",
    async () => {
      await approved("f");
      wait(2_000);
      return (await code(() => approvals.demand(question("f")))) === "APPROVAL_PENDING";
    },
  ],
  [
    "approval",
    "GHSA-gv46",
    "an old request is answered after its expiry",
    async () => {
      const { id } = await approvals.request(question("g"));
      wait(2_000);
      return (await code(() => approvals.answer("approved", { id, by: "user:1000" }))) === "APPROVAL_SETTLED";
    },
  ],
  [
    "approval",
    "CVE-2026-35651",
    "control characters in a request repaint the terminal",
    async () => !/[\u001b\u202e\u0007]/.test(await shownAs("\u001b[2J\u202edeny\u0007")),
  ],
  [
    "approval",
    "display truncation",
    "what is risky stands past the end of what is shown",
    async () => (await shownAs(`${"x".repeat(50_000)} && rm -rf /`)).includes("rm -rf /"),
  ],
  [
    "sender",
    "GHSA-rmxw",
    "a localpart of another server passes for an allowed one",
    () => access.roleOf("matrix:@ann:evil.example") === null,
  ],
  [
    "sender",
    "CVE-2026-53811",
    "a display name stands where an id is wanted",
    () => !isMatrix("matrix:Ann") && !isMatrix("matrix:@Ann :example.org"),
  ],
  [
    "sender",
    "GHSA-gw85",
    "an empty list lets everyone in",
    () => access.roleOf("matrix:@nobody:example.org") === null && access.roleOf("token:x") === null,
  ],
  [
    "sender",
    "CVE-2026-32975",
    "an id in other letters is taken for the same",
    async () => {
      await access.assign("matrix:@bob:example.org", "operator", "user:1000");
      return access.roleOf("matrix:@bob:EXAMPLE.org") === null;
    },
  ],
];

testAnalogues(analogues);
