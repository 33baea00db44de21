export type { KeyInfo } from "./draft.ts";
export { ExpiryWatch } from "./expiry-watch.ts";
export { Keystore, type KeystoreDeps } from "./keystore.ts";
export { type Provider, providerOf } from "./providers.ts";
export { keystoreMigrations } from "./records.ts";
export type { UnlockSource } from "./unlock-key.ts";
export { type UnlockSourceSettings, unlockSource } from "./unlock-source.ts";
