import { Access, type Contract, scopePolicy } from "../access/index.ts";
import { HttpBroker } from "../adapters/http/index.ts";
import { ApprovalInterceptor, Approvals, approvalEvents } from "../approvals/index.ts";
import { Attachments } from "../attachments/index.ts";
import { Audit, anchorFile, anchorLog, auditPolicy } from "../audit/index.ts";
import { ExpiryWatch, Keystore, unlockSource } from "../keystore/index.ts";
import type { AgentDirectory, Service } from "../lifecycle/index.ts";
import type { CallPolicy } from "../rpc/index.ts";
import type { Ground } from "./ground.ts";

export interface SecurityDeps {
  readonly contract: Contract;
  readonly agents: AgentDirectory;
  readonly credentialsDirectory: string | undefined;
}

/** Composes the keystore, the audit chain, approvals and rights, and the policy that they make for each call. */
export function composeSecurity(ground: Ground, { contract, agents, credentialsDirectory }: SecurityDeps) {
  const { store, clock, random, logging, config, publish } = ground;
  const keystore = composeKeystore(ground, credentialsDirectory);
  const audit = composeAudit(ground);
  keystore.whenUnlocked(() => audit.useKey(keystore.internalKey("audit")));
  const access = new Access({ store, clock, contract, agents, reader: keystore, ownUid: process.getuid?.() ?? 0 });
  const approvals = new Approvals(
    { store, clock, logger: logging.child("approvals"), ...approvalEvents(publish) },
    config.approvals,
  );
  const attachments = new Attachments(store, clock, ({ name, version, digest, size }) =>
    publish("config.attached", "bridge", { name, version, digest, size }),
  );
  approvals.onApproved("config.propose", (sql, { request }, by) => attachments.applyProposal(sql, request, by));
  const interceptor = new ApprovalInterceptor(
    { approvals, agents, withoutTokens: (text, agentId) => access.withoutTokens(text, agentId) },
    config.approvals.rules,
  );
  const http = new HttpBroker(
    { tokens: access, clock, random, logger: logging.child("http") },
    { privateHosts: config.http.privateHosts, circuit: config.http },
  );
  const keystoreService: Service = {
    name: "keystore",
    start: () => keystore.open(),
    stop: async () => keystore.lock(),
  };
  const expiry = new ExpiryWatch({ keys: () => keystore.list(), publish, clock });
  const recorded = auditPolicy(audit, (principal, method, params) => interceptor.intercept(principal, method, params));
  const intercept: NonNullable<CallPolicy["intercept"]> = (call, params, handle) =>
    scopePolicy.intercept(call, params, () => recorded.intercept(call, params, handle));
  return {
    access,
    keystore,
    audit,
    approvals,
    attachments,
    interceptor,
    http,
    policy: { ...recorded, intercept } satisfies CallPolicy,
    /** In their start order: the keystore holds the audit chain's key. */
    services: [keystoreService, expiry, audit, approvals],
  };
}

function composeKeystore(ground: Ground, credentialsDirectory: string | undefined): Keystore {
  const { store, clock, publish, logging, installId, config } = ground;
  const { source: kind, keyFile, autoLockMs } = config.keystore;
  const { platform } = process;
  return new Keystore({
    store,
    clock,
    publish,
    source: unlockSource({ kind, keyFile, credentialsDirectory, installId, platform }),
    logger: logging.child("keystore"),
    autoLockMs,
  });
}

function composeAudit({ store, clock, logging, config }: Ground): Audit {
  const logger = logging.child("audit");
  const { anchorFile: file, entriesMax } = config.audit;
  return new Audit({ store, clock, logger, sinks: [anchorFile(file), anchorLog(logger)], entriesMax });
}
