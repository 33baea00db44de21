import { join } from "node:path";
import { AgentId, BridgeError, LoopManifest, methods, PrincipalId, Secret } from "@armorclaw/protocol";
import { Access, type AccessDeps, accessMigrations, explainCall } from "../../../bridge/access/index.ts";
import { allowedUrl } from "../../../bridge/adapters/http/destination.ts";
import { Approvals, approvalMigrations } from "../../../bridge/approvals/index.ts";
import { attachmentMigrations } from "../../../bridge/attachments/index.ts";
import { renderApproval } from "../../../bridge/cli/render/approval.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { Store } from "../../../bridge/store/index.ts";
import { tempDirectory } from "../temp.ts";

/** The class, the advisory, the attack, and whether it is refused. */
export type Analogue = [string, string, string, () => Promise<boolean> | boolean];

/** Rights, approvals and two loops, as targets of the attacks. */
export function rightsUnderAttack() {
  const directory = tempDirectory();
  let nowMs = 1_000_000;
  const epochs = new Map([
    ["gmail-1", 1],
    ["gmail-2", 1],
    ["other-1", 1],
  ]);
  const clock = { ...systemClock, now: () => nowMs };
  const limits = { memory_bytes: 134_217_728, cpus: 0.5, pids: 32, tmp_bytes: 16_777_216 };
  const destination = { host: "api.example.org", port: 443, methods: ["POST" as const], path: "/v1" };
  const manifest = (name: string) =>
    LoopManifest.parse({
      name,
      summary: "x",
      grants: [],
      limits,
      schedule: { every_ms: 1_000 },
      heartbeat_ms: 1_000,
      restart: "never",
      secrets:
        name === "gmail"
          ? [
              { name: "api", mode: "use", purpose: "x", destinations: [destination] },
              { name: "key", mode: "inject", purpose: "x" },
            ]
          : [],
    });
  const agents: AccessDeps["agents"] = {
    find: (id) =>
      epochs.has(id)
        ? { agentId: AgentId.parse(id), loop: id.startsWith("gmail") ? "gmail" : "other", epoch: epochs.get(id) ?? 0 }
        : undefined,
    manifest,
    manifests: () => [manifest("gmail"), manifest("other")],
  };
  const reader = { read: async () => ({ value: Secret.fromText("sk-secret-value") }) };
  const migrations = [...accessMigrations, ...approvalMigrations, ...attachmentMigrations];
  const store = new Store(join(directory.path, "store.db"), migrations, "2026-11-21T08:00:00.000Z");
  const access = new Access({ store, clock, contract: methods, agents, reader, ownUid: 1_000 });
  const explain = (who: string, method: string) =>
    explainCall(
      {
        contract: methods,
        ownUid: 1_000,
        grantsOf: access.grantsOf,
        loops: () => ["gmail", "other"],
        isLive: (id) => epochs.has(id),
        token: () => undefined,
        matrixRole: () => undefined,
        connected: () => undefined,
        roomMethods: new Set(),
        now: () => clock.now(),
      },
      who,
      method,
    );
  const openApprovals = (pendingMax: number) => {
    const heard = { onRequested: () => undefined, onDecided: () => undefined };
    return new Approvals({ store, clock, logger: silentLogger, ...heard }, { ttlMs: 1_000, pendingMax });
  };
  const approvals = openApprovals(100);
  const code = async (work: () => unknown): Promise<string> => {
    try {
      await work();
      return "allowed";
    } catch (error) {
      if (error instanceof BridgeError) return error.code;
      throw error;
    }
  };
  const question = (request: string, requester = "agent:gmail-1") => ({ requester, method: "http.request", request });
  const approved = async (request: string, requester?: string) => {
    const { id } = await approvals.request(question(request, requester));
    await approvals.answer("approved", { id, by: "user:1000" });
    return id;
  };
  const tokenOf = async (agentId: string, renew = false) => {
    await access.grant("gmail", "api", "api", "user:1000");
    return (await access.claim(agentId, renew)).secrets.find(({ name }) => name === "api")?.value ?? "";
  };
  const reach =
    (url: string, method: "POST" | "DELETE" = "POST") =>
    () =>
      allowedUrl(url, method, [destination], []);
  const isMatrix = (id: string) => PrincipalId.safeParse(id).success;
  async function shownAs(body: string): Promise<string> {
    const { id } = await approvals.request(question(JSON.stringify({ body })));
    const { digest, requester, method, request } = approvals.get(id);
    const times = { created_at: "", expires_at: "", decided_at: null, decided_by: null };
    const one = {
      approval_id: id,
      status: "pending_approval" as const,
      digest,
      requester,
      method,
      request,
      reason: null,
      note: null,
      ...times,
    };
    return renderApproval(one, { nowMs: 0, columns: 80, paint: (_, text) => text });
  }
  const close = async () => {
    await approvals.stop();
    store.close();
    directory[Symbol.dispose]();
  };
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return {
    access,
    explain,
    approvals,
    openApprovals,
    store,
    clock,
    epochs,
    question,
    approved,
    tokenOf,
    reach,
    isMatrix,
    code,
    shownAs,
    wait,
    close,
  };
}
