import { createHash, randomBytes } from "node:crypto";
import { BlockList, isIPv6 } from "node:net";
import type { AgentId, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../platform/clock.ts";
import type { Migration, Row, Sql, Store } from "../store/index.ts";
import { reachesChannel, reachesMethod } from "./scopes.ts";

export const tokenMigrations: readonly Migration[] = [
  {
    domain: "api_tokens",
    version: 1,
    sql: `CREATE TABLE api_tokens (
      name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, role TEXT NOT NULL, methods TEXT, channels TEXT, addresses TEXT,
      expires_at INTEGER, created_at INTEGER NOT NULL, created_by TEXT NOT NULL) STRICT`,
  },
  { domain: "api_tokens", version: 2, sql: "ALTER TABLE api_tokens ADD COLUMN agents TEXT" },
];

/** The rights of an API token. Times are in milliseconds since the epoch. */
export interface ApiToken {
  readonly name: string;
  readonly role: Exclude<Principal["role"], "agent">;
  readonly methods: readonly string[] | undefined;
  readonly channels: readonly string[] | undefined;
  readonly agents: readonly AgentId[] | undefined;
  readonly addresses: readonly string[] | undefined;
  readonly expiresAt: number | undefined;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** Tells API tokens from JWTs, and lets a scanner for leaked secrets recognize them. */
const prefix = "act_";
const secretBytes = 32;

/** One hash pass is enough: with 256 random bits, nobody finds a token from the hash in a stolen database. */
const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** The API tokens. They are opaque, and only their hashes are stored. */
export class ApiTokens {
  readonly #store: Store;
  readonly #clock: Pick<Clock, "now">;

  constructor(store: Store, clock: Pick<Clock, "now">) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Creates a token that reaches no further than its creator. Only this call returns the token's text.
   * @throws BridgeError TOKEN_EXISTS, FORBIDDEN
   */
  async create(
    wanted: Omit<ApiToken, "createdAt" | "createdBy">,
    creator: Principal,
  ): Promise<{ token: string; info: ApiToken }> {
    const token = `${prefix}${randomBytes(secretBytes).toString("base64url")}`;
    const json = (value: readonly string[] | undefined) => (value === undefined ? null : JSON.stringify(value));
    const info = await this.#store.write((sql) => {
      const parent = parentOf(sql, creator);
      const info = { ...derived(wanted, creator, parent), createdAt: this.#clock.now(), createdBy: creator.id };
      if (sql.get("SELECT 1 FROM api_tokens WHERE name = ?", info.name) !== undefined)
        throw new BridgeError("TOKEN_EXISTS", `There is an API token named ${info.name}`);
      sql.run(
        `INSERT INTO api_tokens (name, hash, role, methods, channels, addresses, expires_at, created_at, created_by, agents)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        info.name,
        hashOf(token),
        info.role,
        json(info.methods),
        json(info.channels),
        json(info.addresses),
        info.expiresAt ?? null,
        info.createdAt,
        info.createdBy,
        json(info.agents),
      );
      return info;
    });
    return { token, info };
  }

  list(): ApiToken[] {
    return this.#store.read((sql) => sql.all("SELECT * FROM api_tokens ORDER BY name").map(tokenOf));
  }

  /**
   * Revokes a token, with those that it created.
   * @returns the names of all that were revoked
   * @throws BridgeError TOKEN_NOT_FOUND
   */
  async revoke(name: string): Promise<string[]> {
    return await this.#store.write((sql) => {
      if (sql.run("DELETE FROM api_tokens WHERE name = ?", name).changes === 0)
        throw new BridgeError("TOKEN_NOT_FOUND", `No API token is named ${name}`);
      return [name, ...removeCreatedBy(sql, `token:${name}`)];
    });
  }

  /** Revokes the tokens that a principal created, because it lost its own rights. @returns their names */
  async revokeCreatedBy(principal: string): Promise<string[]> {
    return await this.#store.write((sql) => removeCreatedBy(sql, principal));
  }

  /** Whether the text has the form of an API token. */
  isToken(text: string): boolean {
    return text.startsWith(prefix);
  }

  /** The principal of a token, whether or not it has expired. */
  principalOf(name: string): Principal | undefined {
    const row = this.#store.read((sql) => sql.get("SELECT * FROM api_tokens WHERE name = ?", name));
    return row === undefined ? undefined : principalOf(tokenOf(row));
  }

  /** @returns the token's principal; undefined when the token is unknown, has expired or may not be used from the address */
  verify(token: string, address: string): Principal | undefined {
    const row = this.#store.read((sql) => sql.get("SELECT * FROM api_tokens WHERE hash = ?", hashOf(token)));
    if (row === undefined) return undefined;
    const found = tokenOf(row);
    const { addresses, expiresAt } = found;
    if (expiresAt !== undefined && expiresAt <= this.#clock.now()) return undefined;
    if (addresses !== undefined && !isAmong(address, addresses)) return undefined;
    return principalOf(found);
  }
}

const principalOf = ({ name, role, methods, channels, agents, expiresAt }: ApiToken): Principal => ({
  kind: "token",
  id: `token:${name}`,
  role,
  ...(methods === undefined ? {} : { methods }),
  ...(channels === undefined ? {} : { channels }),
  ...(agents === undefined ? {} : { agents }),
  ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }),
});

/** Removes the tokens of a creator, and in turn those that they created. */
function removeCreatedBy(sql: Sql, creator: string): string[] {
  const names = sql.all("SELECT name FROM api_tokens WHERE created_by = ?", creator).map((row) => String(row["name"]));
  sql.run("DELETE FROM api_tokens WHERE created_by = ?", creator);
  return [...names, ...names.flatMap((name) => removeCreatedBy(sql, `token:${name}`))];
}

/** The API token that a creator came in by. A JWT has no row. @throws BridgeError UNAUTHENTICATED when it was revoked meanwhile */
function parentOf(sql: Sql, creator: Principal): ApiToken | undefined {
  if (creator.kind !== "token" || creator.id.startsWith("token:jwt-")) return undefined;
  const row = sql.get("SELECT * FROM api_tokens WHERE name = ?", creator.id.slice("token:".length));
  if (row === undefined) throw new BridgeError("UNAUTHENTICATED", `${creator.id} was revoked`);
  return tokenOf(row);
}

type Fields = Omit<ApiToken, "createdAt" | "createdBy">;

/** What a new token inherits from its creator: each limit that it does not narrow, and the end of the creator's life. */
function derived(wanted: Fields, creator: Principal, parent: ApiToken | undefined): Fields {
  if (creator.kind !== "token" && creator.kind !== "matrix") return wanted;
  const narrowed = <T extends string>(
    what: string,
    asked: readonly T[] | undefined,
    allowed: readonly T[] | undefined,
    isWithin: (one: T) => boolean,
  ) => {
    const beyond = asked?.find((one) => !isWithin(one));
    if (beyond === undefined) return asked ?? allowed;
    const why = `A token reaches no further than its creator ${creator.id}, and ${what} ${beyond} does`;
    throw new BridgeError("FORBIDDEN", why, { [what]: beyond });
  };
  const { methods, channels, agents, expiresAtMs = Number.POSITIVE_INFINITY } = creator;
  const expiresAt = Math.min(wanted.expiresAt ?? Number.POSITIVE_INFINITY, expiresAtMs);
  return {
    ...wanted,
    methods: narrowed("method", wanted.methods, methods, (one) => reachesMethod(creator, one)),
    channels: narrowed("channel", wanted.channels, channels, (one) => reachesChannel(creator, one)),
    agents: narrowed("agent", wanted.agents, agents, (one) => agents === undefined || agents.includes(one)),
    addresses: narrowed(
      "address",
      wanted.addresses,
      parent?.addresses,
      (one) => parent?.addresses === undefined || isNetworkAmong(one, parent.addresses),
    ),
    expiresAt: Number.isFinite(expiresAt) ? expiresAt : undefined,
  };
}

function tokenOf(row: Row): ApiToken {
  const list = (key: string) => (row[key] === null ? undefined : (JSON.parse(String(row[key])) as string[]));
  return {
    name: String(row["name"]),
    role: row["role"] as ApiToken["role"],
    methods: list("methods"),
    channels: list("channels"),
    agents: list("agents") as AgentId[] | undefined,
    addresses: list("addresses"),
    expiresAt: row["expires_at"] === null ? undefined : Number(row["expires_at"]),
    createdAt: Number(row["created_at"]),
    createdBy: String(row["created_by"]),
  };
}

const familyOf = (address: string) => (isIPv6(address) ? "ipv6" : "ipv4");

/** Whether every address of a network, or the one address, lies in one of the allowed networks. */
function isNetworkAmong(network: string, allowed: readonly string[]): boolean {
  const [base = "", length] = network.split("/");
  const bits = (text: string, prefix: string | undefined) => Number(prefix ?? (isIPv6(text) ? 128 : 32));
  return allowed.some((one) => {
    const [start = "", prefix] = one.split("/");
    return isIPv6(start) === isIPv6(base) && bits(start, prefix) <= bits(base, length) && isAmong(base, [one]);
  });
}

function isAmong(address: string, allowed: readonly string[]): boolean {
  const list = new BlockList();
  for (const entry of allowed) {
    const [base = "", length] = entry.split("/");
    if (length === undefined) list.addAddress(base, familyOf(base));
    else list.addSubnet(base, Number(length), familyOf(base));
  }
  return list.check(address, familyOf(address));
}
