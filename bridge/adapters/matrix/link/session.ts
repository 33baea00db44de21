import { randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import * as z from "zod";

/** Stores the account's secrets by name, sealed by the keystore. */
export interface SecretStore {
  /** @throws BridgeError KEYSTORE_LOCKED */
  assertOpen(): void;
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
}

const Session = z.object({
  homeserver: z.string(),
  userId: z.string(),
  deviceId: z.string(),
  accessToken: z.string(),
  /** In base64: encrypts the crypto store. */
  storeKey: z.string(),
  /** In base64: unlocks the account's secret storage. */
  recoveryKey: z.string(),
});
/** One login: one device, with its keys. */
export type Session = z.output<typeof Session>;

const secretName = "matrix-session";

export async function loadSession(secrets: SecretStore): Promise<Session | undefined> {
  const text = await secrets.get(secretName);
  return text === undefined ? undefined : Session.parse(JSON.parse(text));
}

export const saveSession = (secrets: SecretStore, session: Session): Promise<void> =>
  secrets.put(secretName, JSON.stringify(session));

export const forgetSession = (secrets: SecretStore): Promise<void> => secrets.delete(secretName);

/** How the account logs in. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** An access token that was issued elsewhere. */
  | { readonly kind: "access_token"; readonly token: string }
  /** The token that a single sign-on ends with. */
  | { readonly kind: "login_token"; readonly token: string };

const LoginAnswer = z.object({ user_id: z.string(), device_id: z.string(), access_token: z.string() });
const WhoAmI = z.object({ user_id: z.string(), device_id: z.string() });

export interface LoginOptions {
  /** Unlocks what the account backed up earlier. */
  readonly recoveryKey?: Uint8Array | undefined;
  /** The kept recovery keys by account, in base64. */
  readonly kept?: ReadonlyMap<string, string>;
  /** An earlier login that the homeserver has ended. The same account keeps its identity. */
  readonly ended?: Session | undefined;
  /** The earlier login ended with a soft logout. The device keeps its keys. */
  readonly isSoft?: boolean;
}

/**
 * Logs in. The device and its keys live as long as the login.
 * @throws BridgeError MATRIX_LOGIN_FAILED, MATRIX_UNREACHABLE, MATRIX_RATE_LIMITED
 */
export async function logIn(
  homeserver: string,
  credentials: Credentials,
  options: LoginOptions,
  signal: AbortSignal,
): Promise<Session> {
  const base = homeserverUrl(homeserver);
  const login = await newLogin(
    base,
    credentials,
    options.isSoft === true ? options.ended?.deviceId : undefined,
    signal,
  );
  return { homeserver: base, ...login, ...keysFor(login, options) };
}

type Login = Pick<Session, "userId" | "deviceId" | "accessToken">;

function keysFor({ userId, deviceId }: Login, { recoveryKey, kept, ended, isSoft }: LoginOptions) {
  const same = ended?.userId === userId ? ended : undefined;
  const isSameDevice = isSoft === true && same?.deviceId === deviceId;
  const fresh = () => randomBytes(32).toString("base64");
  const given = recoveryKey === undefined ? undefined : Buffer.from(recoveryKey).toString("base64");
  return {
    storeKey: isSameDevice ? same.storeKey : fresh(),
    recoveryKey: given ?? kept?.get(userId) ?? same?.recoveryKey ?? fresh(),
  };
}

async function newLogin(
  base: string,
  credentials: Credentials,
  sameDeviceId: string | undefined,
  signal: AbortSignal,
): Promise<Login> {
  if (credentials.kind === "access_token") {
    const answer = await request(base, "GET", "account/whoami", { token: credentials.token, signal });
    const { user_id: userId, device_id: deviceId } = parse(WhoAmI, answer);
    return { userId, deviceId, accessToken: credentials.token };
  }
  const proof =
    credentials.kind === "password"
      ? {
          type: "m.login.password",
          identifier: { type: "m.id.user", user: credentials.username },
          password: credentials.password,
        }
      : { type: "m.login.token", token: credentials.token };
  const device = sameDeviceId === undefined ? {} : { device_id: sameDeviceId };
  const body = { ...proof, ...device, initial_device_display_name: "ArmorClaw bridge" };
  const {
    user_id: userId,
    device_id: deviceId,
    access_token: accessToken,
  } = parse(LoginAnswer, await request(base, "POST", "login", { body, signal }));
  return { userId, deviceId, accessToken };
}

/** Ends the login. The token and the device become invalid. */
export async function logOut({ homeserver, accessToken }: Session, signal: AbortSignal): Promise<void> {
  await request(homeserver, "POST", "logout", { token: accessToken, body: {}, signal });
}

/** Passwords are sent over TLS or the loopback only. */
function homeserverUrl(homeserver: string): string {
  const text = /^[a-z]+:\/\//i.test(homeserver) ? homeserver : `https://${homeserver}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url === undefined || (url.protocol !== "https:" && !isLocal))
    throw new BridgeError("MATRIX_LOGIN_FAILED", `${homeserver} is no https:// address of a homeserver`);
  return url.origin;
}

interface RequestOptions {
  readonly token?: string;
  readonly body?: object;
  readonly signal: AbortSignal;
}

async function request(base: string, method: string, path: string, { token, body, signal }: RequestOptions) {
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  let answer: Response;
  let json: unknown;
  try {
    answer = await fetch(`${base}/_matrix/client/v3/${path}`, {
      method,
      headers,
      signal,
      redirect: "error",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    json = await answer.json();
  } catch (error) {
    throw new BridgeError("MATRIX_UNREACHABLE", `${base} does not answer as a homeserver`, undefined, { cause: error });
  }
  if (answer.ok) return json;
  const { errcode, error, retry_after_ms: retryAfterMs } = json as Record<string, unknown>;
  if (answer.status === 429)
    throw new BridgeError("MATRIX_RATE_LIMITED", undefined, { retry_after_ms: Number(retryAfterMs ?? 1000) });
  throw new BridgeError("MATRIX_LOGIN_FAILED", `${base}: ${String(errcode)} ${String(error)}`);
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new BridgeError("MATRIX_LOGIN_FAILED", "The homeserver answered the login in an unknown form");
}
