import { rmSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson, type LoopManifest, type MethodName, type Principal } from "@armorclaw/protocol";
import { Access, type AgentDirectory, type Contract, tokenPattern } from "../access/index.ts";
import { HttpBroker } from "../adapters/http/index.ts";
import { probeKey } from "../adapters/http/probe.ts";
import { accessHandlers } from "../api/access.ts";
import { approvalHandlers } from "../api/approval.ts";
import { auditHandlers } from "../api/audit.ts";
import { keystoreHandlers } from "../api/keystore.ts";
import { type Approval, Approvals, ruleFor } from "../approvals/index.ts";
import { Attachments } from "../attachments/index.ts";
import { Audit, anchorFile, anchorLog } from "../audit/index.ts";
import type { Config } from "../config/index.ts";
import type { PublishEvent } from "../events/index.ts";
import { ExpiryWatch, Keystore, providerOf, unlockSource } from "../keystore/index.ts";
import type { Logging } from "../logging/index.ts";
import { type Clock, timestamp } from "../platform/clock.ts";
import type { CallPolicy, PolicedCall } from "../rpc/index.ts";
import { packBackup, type Store } from "../store/index.ts";

export interface GuardDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logging: Logging;
  readonly publish: PublishEvent;
  readonly config: Config;
  readonly contract: Contract;
  readonly installId: string;
  readonly version: string;
  readonly credentialsDirectory: string | undefined;
  readonly agents: AgentDirectory & { running(loop: string): readonly string[] };
  /** Ends the live connections of a principal. */
  readonly disconnect: (principal: string) => number;
}

/** Constructs the keystore, the record, the approvals and the rights, and what stands between a call and its handler. */
export function composeGuards(deps: GuardDeps) {
  const { store, clock, logging, config, contract, version, agents } = deps;
  const keystore = makeKeystore(deps);
  const audit = makeAudit(deps);
  keystore.whenUnlocked(() => audit.useKey(keystore.internalKey("audit")));
  const access = new Access({ store, clock, contract, agents, reader: keystore, ownUid: process.getuid?.() ?? 0 });
  const approvals = makeApprovals(deps);
  const attachments = new Attachments(store, clock, ({ name, version, digest, size }) =>
    deps.publish("config.attached", "bridge", { name, version, digest, size }),
  );
  const broker = new HttpBroker(
    { tokens: access, clock, random: deps.random, logger: logging.child("http") },
    { privateHosts: config.http.privateHosts, circuit: config.http },
  );
  const ports = {
    requireKey: (id: string) => void keystore.info(id),
    disconnect: deps.disconnect,
    runningAgents: agents.running,
    needsApproval: (principal: string, method: string) =>
      config.approvals.rules.some((rule) => rule.method === method && concerns(rule.loops, principal, access)),
    request: broker.request.bind(broker),
  };
  const probe = {
    test: async (id: string) => {
      const { info, value } = await keystore.read(id);
      return await probeKey(providerOf(info.provider), info.baseUrl, value, clock);
    },
  };
  return {
    access,
    keystore,
    approvals,
    circuits: () => broker.circuits,
    policy: {
      intercept: intercept(audit, approvalGate(approvals, access, config.approvals.rules)),
      onDenied: onDenied(audit),
    },
    /** In their start order. The keystore is opened first: the record's key is in it. */
    services: [
      {
        name: "keystore",
        start: () => keystore.open(),
        stop: async () => keystore.lock(),
      },
      new ExpiryWatch({ keys: () => keystore.list(), publish: deps.publish, clock }),
      audit,
      approvals,
    ],
    handlers: {
      ...keystoreHandlers(keystore, probe, config.keystore.reveal),
      ...accessHandlers(access, ports),
      ...approvalHandlers(approvals, attachments, access),
      ...auditHandlers(audit, (path) => backUp(deps, path), version),
    },
    logger: logging.child("guards"),
  };
}

function makeKeystore({
  store,
  clock,
  logging,
  publish,
  config,
  installId,
  credentialsDirectory,
}: GuardDeps): Keystore {
  const { source, autoLockMs, keyFile = join(config.stateDir, "keystore.key") } = config.keystore;
  const { platform } = process;
  return new Keystore({
    store,
    clock,
    publish,
    source: unlockSource({ kind: source, keyFile, credentialsDirectory, installId, platform }),
    logger: logging.child("keystore"),
    autoLockMs: autoLockMs === 0 ? undefined : autoLockMs,
  });
}

function makeAudit({ store, clock, logging, config }: GuardDeps): Audit {
  const logger = logging.child("audit");
  const file = config.audit.anchorFile ?? join(config.stateDir, "audit.anchors");
  return new Audit({
    store,
    clock,
    logger,
    sinks: [anchorFile(file), anchorLog(logger)],
    entriesMax: config.audit.entriesMax,
  });
}

function makeApprovals({ store, clock, logging, config, publish }: GuardDeps): Approvals {
  const { ttlMs, pendingMax } = config.approvals;
  const which = ({ id, method, requester }: Approval) => ({
    agent_id: requester.slice("agent:".length),
    approval_id: id,
    method,
  });
  const onRequested = (approval: Approval) => {
    const { request, digest, reason, expiresAt } = approval;
    publish("approval.requested", "bridge", {
      ...which(approval),
      request,
      digest,
      reason,
      expires_at: new Date(expiresAt).toISOString(),
    });
  };
  const onDecided = (approval: Approval) => {
    const { status, decidedBy } = approval;
    if (status === "pending_approval") return;
    publish("approval.decided", "bridge", { ...which(approval), status, decided_by: decidedBy });
  };
  const deps = { store, clock, logger: logging.child("approvals"), onRequested, onDecided };
  return new Approvals(deps, { ttlMs, pendingMax });
}

const unlocking: MethodName = "keystore.unlock";

const isRecorded = ({ spec, isWrite }: PolicedCall["entry"], principal: Principal): boolean =>
  spec.audited ?? (isWrite && principal.kind !== "agent");

/** A recorded act that its handler refused has that in its own record. */
function onDenied(audit: Audit): NonNullable<CallPolicy["onDenied"]> {
  return ({ entry, principal, correlationId, isAdmitted }) => {
    if (!(isAdmitted && isRecorded(entry, principal))) audit.refused(principal.id, entry.name, correlationId);
  };
}

/** First the record, then the approval, then the handler. Calls that need neither stay as fast as they were. */
function intercept(audit: Audit, approve: ApprovalGate): NonNullable<CallPolicy["intercept"]> {
  return ({ entry, principal, correlationId }, params, handle) => {
    const approval = approve(principal, entry.name, params);
    const checked = approval === undefined ? handle : () => approval().then(handle);
    if (!isRecorded(entry, principal)) return checked();
    const act = { principal: principal.id, method: entry.name, params, correlationId };
    return entry.name === unlocking && !audit.isReady ? audit.recordAfter(act, checked) : audit.record(act, checked);
  };
}

/** @returns what has to resolve before the call may run; undefined when it needs no one's approval */
type ApprovalGate = (principal: Principal, method: string, params: unknown) => (() => Promise<void>) | undefined;

function approvalGate(approvals: Approvals, access: Access, rules: Config["approvals"]["rules"]): ApprovalGate {
  return (principal, method, params) => {
    if (principal.kind !== "agent" || rules.length === 0) return undefined;
    const { agentId } = principal;
    const rule = ruleFor(rules, { loop: access.loopOf(agentId) ?? "", method, params });
    if (rule === undefined) return undefined;
    return async () => {
      // A token changes with each start; what it stands for is what a person decides about.
      const request = canonicalJson(params).replaceAll(
        tokenPattern,
        (token) => `[secret ${access.resolveToken(token, agentId).name}]`,
      );
      await approvals.demand({ requester: principal.id, method, request }, rule.answerers);
    };
  };
}

function concerns(loops: readonly string[] | undefined, principal: string, access: Access): boolean {
  if (!principal.startsWith("agent:")) return false;
  return loops === undefined || loops.includes(access.loopOf(principal.slice("agent:".length)) ?? "");
}

function backUp({ store, clock, config, installId, version }: GuardDeps, path: string) {
  const copy = join(config.stateDir, `backup-${process.pid}.db`);
  rmSync(copy, { force: true });
  try {
    store.copyTo(copy);
    return packBackup(copy, path, { createdAt: timestamp(clock), version, installId });
  } finally {
    rmSync(copy, { force: true });
  }
}

/** The supervisor's agents as rights are decided about them. */
export function agentDirectory(supervisor: {
  readonly live: readonly {
    readonly plan: { readonly agentId: string; readonly manifest: LoopManifest };
    readonly snapshot: { readonly epoch: number };
  }[];
  manifest(loop: string): { readonly manifest: LoopManifest };
  manifests(): readonly { readonly manifest: LoopManifest }[];
}): GuardDeps["agents"] {
  return {
    find: (agentId) => {
      const agent = supervisor.live.find(({ plan }) => plan.agentId === agentId);
      return agent === undefined ? undefined : { loop: agent.plan.manifest.name, epoch: agent.snapshot.epoch };
    },
    manifest: (loop) => supervisor.manifest(loop).manifest,
    manifests: () => supervisor.manifests().map(({ manifest }) => manifest),
    running: (loop) => supervisor.live.flatMap(({ plan }) => (plan.manifest.name === loop ? [plan.agentId] : [])),
  };
}
