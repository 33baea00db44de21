export type { KeyInfo } from "./draft.ts";
export { ExpiryWatch } from "./expiry-watch.ts";
export { Keystore, type KeystoreDeps } from "./keystore.ts";
export { keystoreMigrations } from "./migrations.ts";
export { type Provider, providerOf } from "./providers.ts";
export type { UnlockSource } from "./unlock-key.ts";
export { type UnlockSourceSettings, unlockSource } from "./unlock-source.ts";
