import { createHash, randomBytes } from "node:crypto";
import { BlockList, isIPv6 } from "node:net";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../platform/clock.ts";
import type { Migration, Row, Sql, Store } from "../store/index.ts";

export const tokenMigrations: readonly Migration[] = [
  {
    domain: "api_tokens",
    version: 1,
    sql: `CREATE TABLE api_tokens (
      name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, role TEXT NOT NULL, methods TEXT, channels TEXT, addresses TEXT,
      expires_at INTEGER, created_at INTEGER NOT NULL, created_by TEXT NOT NULL) STRICT`,
  },
];

/** The rights of an API token. Times are in milliseconds since the epoch. */
export interface ApiToken {
  readonly name: string;
  readonly role: Exclude<Principal["role"], "agent">;
  readonly methods: readonly string[] | undefined;
  readonly channels: readonly string[] | undefined;
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
   * Creates a token. Only this call returns the token's text.
   * @throws BridgeError TOKEN_EXISTS
   */
  async create(fields: Omit<ApiToken, "createdAt">): Promise<{ token: string; info: ApiToken }> {
    const token = `${prefix}${randomBytes(secretBytes).toString("base64url")}`;
    const info = { ...fields, createdAt: this.#clock.now() };
    const json = (value: readonly string[] | undefined) => (value === undefined ? null : JSON.stringify(value));
    await this.#store.write((sql) => {
      if (sql.get("SELECT 1 FROM api_tokens WHERE name = ?", info.name) !== undefined)
        throw new BridgeError("TOKEN_EXISTS", `There is an API token named ${info.name}`);
      sql.run(
        "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        info.name,
        hashOf(token),
        info.role,
        json(info.methods),
        json(info.channels),
        json(info.addresses),
        info.expiresAt ?? null,
        info.createdAt,
        info.createdBy,
      );
    });
    return { token, info };
  }

  list(): ApiToken[] {
    return this.#store.read((sql) => sql.all("SELECT * FROM api_tokens ORDER BY name").map(tokenOf));
  }

  /** @throws BridgeError TOKEN_NOT_FOUND */
  async revoke(name: string): Promise<void> {
    const { changes } = await this.#store.write((sql: Sql) => sql.run("DELETE FROM api_tokens WHERE name = ?", name));
    if (changes === 0) throw new BridgeError("TOKEN_NOT_FOUND", `No API token is named ${name}`);
  }

  /** Whether the text has the form of an API token. */
  isToken(text: string): boolean {
    return text.startsWith(prefix);
  }

  /** @returns the token's principal; undefined when the token is unknown, has expired or may not be used from the address */
  verify(token: string, address: string): Principal | undefined {
    const row = this.#store.read((sql) => sql.get("SELECT * FROM api_tokens WHERE hash = ?", hashOf(token)));
    if (row === undefined) return undefined;
    const { name, role, methods, channels, addresses, expiresAt } = tokenOf(row);
    if (expiresAt !== undefined && expiresAt <= this.#clock.now()) return undefined;
    if (addresses !== undefined && !isAmong(address, addresses)) return undefined;
    return {
      kind: "token",
      id: `token:${name}`,
      role,
      ...(methods === undefined ? {} : { methods }),
      ...(channels === undefined ? {} : { channels }),
      ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }),
    };
  }
}

function tokenOf(row: Row): ApiToken {
  const list = (key: string) => (row[key] === null ? undefined : (JSON.parse(String(row[key])) as string[]));
  return {
    name: String(row["name"]),
    role: row["role"] as ApiToken["role"],
    methods: list("methods"),
    channels: list("channels"),
    addresses: list("addresses"),
    expiresAt: row["expires_at"] === null ? undefined : Number(row["expires_at"]),
    createdAt: Number(row["created_at"]),
    createdBy: String(row["created_by"]),
  };
}

const familyOf = (address: string) => (isIPv6(address) ? "ipv6" : "ipv4");

function isAmong(address: string, allowed: readonly string[]): boolean {
  const list = new BlockList();
  for (const entry of allowed) {
    const [base = "", length] = entry.split("/");
    if (length === undefined) list.addAddress(base, familyOf(base));
    else list.addSubnet(base, Number(length), familyOf(base));
  }
  return list.check(address, familyOf(address));
}
