import { BridgeError, type MethodsOf } from "@armorclaw/protocol";
import type { KeyProbe } from "../adapters/http/index.ts";
import type { KeyInfo, Keystore } from "../keystore/index.ts";
import type { Handlers } from "../rpc/index.ts";
import { iso, isoOrNull } from "./time.ts";

export function keystoreHandlers(keys: Keystore, probe: KeyProbe, mayReveal: boolean): Handlers<MethodsOf<"keystore">> {
  const state = () => (keys.isUnlocked ? "unlocked" : "locked");
  return {
    "keystore.store": async ({ id, provider, token, display_name, expires_at, tags, base_url }) => {
      const expiresAt = expires_at === undefined ? undefined : Date.parse(expires_at);
      const draft = { id, provider, value: token, displayName: display_name, tags, baseUrl: base_url, expiresAt };
      const { info, warnings } = await keys.put(draft);
      const created_at = iso(info.createdAt);
      return { id: info.id, key_id: info.id, provider, version: info.version, created_at, warnings: [...warnings] };
    },
    "keystore.list": ({ provider }) => keys.list(provider).map(wireKey),
    "keystore.get": async ({ id }) => {
      if (!mayReveal) throw new BridgeError("REVEAL_DISABLED");
      const { info, value } = await keys.read(id);
      const token = value.reveal();
      value.wipe();
      return { ...wireKey(info), token };
    },
    "keystore.delete": async ({ id }) => {
      await keys.remove(id);
      return { id, deleted: true };
    },
    "keystore.rotate": async ({ id, token }) => {
      if ((id === undefined) !== (token === undefined))
        throw new BridgeError("INVALID_PARAMS", "A key is rotated with `id` and `token`, the master key with neither");
      if (id === undefined || token === undefined)
        return { rotated: "master", version: null, resealed: await keys.rotateMaster() };
      return { rotated: "key", version: (await keys.replace(id, token)).version, resealed: 0 };
    },
    "keystore.lock": (_, { principal }) => {
      keys.lock(`${principal.id} locked it`);
      return { state: state() };
    },
    "keystore.unlock": async ({ passphrase }) => ({ resealed: await keys.unlock(passphrase), state: state() }),
    "keystore.rekey": async ({ source, passphrase }) => {
      if ((source === "passphrase") !== (passphrase !== undefined))
        throw new BridgeError("INVALID_PARAMS", "A passphrase goes with the source passphrase, and with no other");
      return { source, config_differs: await keys.rekey(source, passphrase) };
    },
    "keystore.status": () => ({
      state: state(),
      source: keys.source,
      keys: keys.list().length,
      auto_lock_ms: keys.autoLockMs ?? null,
      expiring: keys.expiring(),
    }),
    "keystore.test": async ({ id }) => {
      const { outcome, message, httpStatus, durationMs } = await probe.test(id);
      return { id, outcome, message, http_status: httpStatus, duration_ms: durationMs };
    },
  };
}

const wireKey = (key: KeyInfo) => ({
  id: key.id,
  provider: key.provider,
  display_name: key.displayName,
  version: key.version,
  created_at: iso(key.createdAt),
  updated_at: iso(key.updatedAt),
  expires_at: isoOrNull(key.expiresAt),
  last_used_at: isoOrNull(key.lastUsedAt),
  tags: [...key.tags],
  base_url: key.baseUrl,
});
