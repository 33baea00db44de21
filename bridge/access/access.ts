import {
  BridgeError,
  type LoopManifest,
  type Principal,
  type Role,
  type Secret,
  type SecretRequest,
} from "@armorclaw/protocol";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import type { GrantsOf } from "./admission.ts";
import { type Delivery, SecretDelivery, type SecretReader } from "./delivery.ts";
import { type Contract, channelsOf, coversChannel, methodsOf } from "./rights.ts";
import { reachesChannel } from "./scopes.ts";
import { type Grant, grantsOf, removeGrant, removeRole, roleRow, saveGrant, saveRole } from "./store.ts";
import { type Holder, PhantomTokens, tokenPattern } from "./tokens.ts";

/** Long enough for an agent to renew in its own time, short enough that a leaked one is soon worthless. */
const phantomTtlMs = 12 * 3_600_000;
const rootUid = 0;

export interface AccessDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly contract: Contract;
  readonly agents: Pick<AgentDirectory, "find" | "manifest" | "manifests">;
  readonly reader: SecretReader;
  readonly ownUid: number;
}

/** Who may do what: roles, channels, and loops' grants of secrets. */
export class Access {
  readonly #deps: AccessDeps;
  readonly #tokens: PhantomTokens;
  readonly #delivery: SecretDelivery;

  constructor(deps: AccessDeps) {
    this.#deps = deps;
    this.#tokens = new PhantomTokens(deps.clock, phantomTtlMs);
    this.#delivery = new SecretDelivery(deps.reader, this.#tokens);
  }

  /** The role that a principal has; null when it has none. */
  roleOf(principal: string): Role | null {
    const { ownUid, store } = this.#deps;
    if (principal.startsWith("agent:")) return "agent";
    if (isFixed(principal, ownUid)) return "admin";
    return store.read((sql) => roleRow(sql, principal)) ?? null;
  }

  /** @throws BridgeError ROLE_FIXED */
  async assign(principal: string, role: Exclude<Role, "agent">, by: string): Promise<void> {
    const { store, clock } = this.#deps;
    this.#assertFree(principal);
    await store.write((sql) => saveRole(sql, principal, role, by, clock.now()));
  }

  /** @throws BridgeError ROLE_FIXED */
  async unassign(principal: string): Promise<boolean> {
    this.#assertFree(principal);
    return await this.#deps.store.write((sql) => removeRole(sql, principal));
  }

  /** The grants of an agent's loop; also of an agent that does not run, by its name. */
  readonly grantsOf: GrantsOf = (agentId) => {
    const { agents } = this.#deps;
    const loop = agents.find(agentId)?.loop ?? agentId.replace(/-\d+$/, "");
    return agents.manifests().find(({ name }) => name === loop)?.grants ?? [];
  };

  methodsOf(role: Role): string[] {
    return methodsOf(this.#deps.contract, role);
  }

  channels(principal: Principal, use: "publish" | "subscribe"): string[] {
    return channelsOf(principal, this.#manifestOf(principal), use);
  }

  mayUseChannel(principal: Principal, pattern: string, use: "publish" | "subscribe"): boolean {
    return principal.kind === "agent"
      ? coversChannel(this.channels(principal, use), pattern)
      : reachesChannel(principal, pattern);
  }

  /** The loop of an agent that lives. */
  loopOf(agentId: string): string | undefined {
    return this.#deps.agents.find(agentId)?.loop;
  }

  /** Whether the agent's loop lists the configuration. */
  mayReadConfig(principal: Principal, name: string): boolean {
    return (
      principal.kind !== "agent" ||
      (this.#manifestOf(principal)?.configs as readonly string[] | undefined)?.includes(name) === true
    );
  }

  grants(loop?: string): Grant[] {
    return this.#deps.store.read((sql) => grantsOf(sql, loop));
  }

  /** What manifests ask for and nobody has granted. */
  open(loop?: string): (SecretRequest & { readonly loop: string })[] {
    const granted = new Set(this.grants(loop).map(({ loop, name, mode }) => `${loop} ${name} ${mode}`));
    return this.#deps.agents
      .manifests()
      .filter(({ name }) => loop === undefined || name === loop)
      .flatMap(({ name: loop, secrets }) => secrets.map((request) => ({ ...request, loop })))
      .filter(({ loop, name, mode }) => !granted.has(`${loop} ${name} ${mode}`));
  }

  /** Grants what the loop's manifest asks for, and no more. @throws BridgeError LOOP_NOT_FOUND, SECRET_NOT_ASKED_FOR */
  async grant(loop: string, name: string, keyId: string, by: string): Promise<Grant> {
    const { agents, store, clock } = this.#deps;
    const asked = agents.manifest(loop).secrets.find((request) => request.name === name);
    if (asked === undefined)
      throw new BridgeError("SECRET_NOT_ASKED_FOR", `${loop} does not ask for a secret ${name}`, { loop, name });
    const { mode, destinations } = asked;
    const grant = { loop, name, keyId, mode, destinations, grantedBy: by, grantedAt: clock.now() };
    await store.write((sql) => saveGrant(sql, grant));
    return grant;
  }

  /** @returns whether there was one, and which running agents still hold the secret itself */
  async revoke(loop: string, name: string | undefined): Promise<{ revoked: boolean; holders: string[] }> {
    const { store, agents } = this.#deps;
    const grants = this.grants(loop).filter((grant) => name === undefined || grant.name === name);
    const revoked = await store.write((sql) => removeGrant(sql, loop, name));
    this.#tokens.revoke(loop, name);
    const isRunning = ({ agentId, epoch }: Holder) => {
      const agent = agents.find(agentId);
      return agent?.loop === loop && agent.epoch === epoch;
    };
    return { revoked, holders: [...new Set(grants.flatMap((grant) => this.#delivery.holders(grant, isRunning)))] };
  }

  /** @throws BridgeError AGENT_NOT_FOUND, SECRET_CLAIMED, KEYSTORE_LOCKED */
  async claim(agentId: string, isRenewal: boolean): Promise<Delivery> {
    const { loop, epoch } = this.#agent(agentId);
    const asked = this.#deps.agents.manifest(loop).secrets;
    return await this.#delivery.claim({ agentId, epoch }, asked, this.grants(loop), isRenewal);
  }

  /** The grant that a token of this agent stands for, as it stands now. @throws BridgeError SECRET_TOKEN_INVALID */
  resolveToken(token: string, agentId: string): Grant {
    return this.#tokens.resolve(token, { agentId, epoch: this.#agent(agentId).epoch });
  }

  /** Replaces each token of this agent in a text by the name of its secret. @throws BridgeError SECRET_TOKEN_INVALID */
  withoutTokens(text: string, agentId: string): string {
    return text.replaceAll(tokenPattern, (token) => `[secret ${this.resolveToken(token, agentId).name}]`);
  }

  /** Opens a granted secret for the bridge's own use. */
  async secretOf(grant: Grant): Promise<Secret> {
    return (await this.#deps.reader.read(grant.keyId)).value;
  }

  #agent(agentId: string): { readonly loop: string; readonly epoch: number } {
    const agent = this.#deps.agents.find(agentId);
    if (agent === undefined)
      throw new BridgeError("AGENT_NOT_FOUND", `No agent is called ${agentId}`, { agent_id: agentId });
    return agent;
  }

  #manifestOf(principal: Principal): LoopManifest | undefined {
    const agent = principal.kind === "agent" ? this.#deps.agents.find(principal.agentId) : undefined;
    return agent === undefined ? undefined : this.#deps.agents.manifest(agent.loop);
  }

  #assertFree(principal: string): void {
    if (!/^(agent:|user:|bridge$)/.test(principal)) return;
    const { ownUid } = this.#deps;
    const why =
      principal.startsWith("user:") && !isFixed(principal, ownUid)
        ? `The socket admits user:${ownUid} and user:${rootUid} alone; give ${principal} a token of its own`
        : `The role of ${principal} cannot be changed`;
    throw new BridgeError("ROLE_FIXED", why, { principal });
  }
}

const isFixed = (principal: string, ownUid: number): boolean =>
  principal === `user:${ownUid}` || principal === `user:${rootUid}`;
