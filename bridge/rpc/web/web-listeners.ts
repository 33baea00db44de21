import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { LineServer } from "../ports/line-server.ts";
import type { HttpPages } from "../server/server.ts";
import { createAuthenticator, type TokenVerifier } from "./authenticator.ts";
import { createJwtVerifier } from "./jwt.ts";
import { createWebListener, type WebListener, type WebSite } from "./web-listener.ts";

interface ListenerSettings {
  /** `HOST:PORT`; the listener is closed without it. */
  readonly address?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
}

export interface WebListenersSettings {
  readonly http: ListenerSettings;
  readonly websocket: ListenerSettings & {
    readonly sealKeyFile?: string | undefined;
    readonly origins: readonly string[];
  };
  readonly jwt: {
    readonly issuer?: string | undefined;
    readonly audience: string;
    readonly jwks?: string | undefined;
    readonly roleClaim: string;
  };
}

export interface WebListenersDeps {
  readonly rpc: LineServer;
  readonly tokens: TokenVerifier;
  readonly pages: HttpPages;
  /** What the HTTP listener serves besides calls and its own pages. */
  readonly site: WebSite | undefined;
  readonly messageBytesMax: number;
  readonly clock: Clock;
  /** Reports a wrong token. */
  readonly onWrongToken: (address: string) => void;
  readonly logger: Logger;
}

/** One listener for each that is configured, or one for both where both have the same address. @throws BridgeError CONFIG_INVALID */
export function createWebListeners(settings: WebListenersSettings, deps: WebListenersDeps): WebListener[] {
  const { rpc, tokens, pages, site, messageBytesMax, clock, logger, onWrongToken } = deps;
  const { http, websocket } = settings;
  const authenticator = createAuthenticator(tokens, jwtVerifier(settings, clock, logger), clock, onWrongToken);
  const common = { rpc, authenticator, logger };
  const webSocket = { origins: websocket.origins, messageBytesMax, sealKeyFile: websocket.sealKeyFile };
  const isShared = http.address !== undefined && http.address === websocket.address;
  const listeners: WebListener[] = [];
  if (http.address !== undefined) {
    listeners.push(
      createWebListener({
        ...common,
        name: "http listener",
        address: http.address,
        tls: tlsOf("listen.http", http),
        http: { ...pages, rpc, bodyBytesMax: messageBytesMax },
        origins: websocket.origins,
        site,
        webSocket: isShared ? webSocket : undefined,
      }),
    );
  }
  if (websocket.address !== undefined && !isShared) {
    listeners.push(
      createWebListener({
        ...common,
        name: "websocket listener",
        address: websocket.address,
        tls: tlsOf("listen.websocket", websocket),
        http: undefined,
        webSocket,
      }),
    );
  }
  return listeners;
}

function tlsOf(key: string, { tlsCertFile: certFile, tlsKeyFile: keyFile }: ListenerSettings) {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new BridgeError("CONFIG_INVALID", `${key}: tls_cert_file and tls_key_file belong together`);
}

function jwtVerifier({ jwt }: WebListenersSettings, clock: Clock, logger: Logger) {
  const { issuer, audience, jwks, roleClaim } = jwt;
  if (issuer === undefined) return undefined;
  if (jwks === undefined) throw new BridgeError("CONFIG_INVALID", "listen.jwt: an issuer needs its keys, jwks");
  return createJwtVerifier({ issuer, audience, jwks, roleClaim }, { clock, logger });
}
