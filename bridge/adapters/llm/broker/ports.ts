import type { Keystore } from "../../../keystore/index.ts";

/** Reads providers' keys. A key never leaves the bridge, except to its provider. */
export interface SecretReader {
  /**
   * @param name the name in the provider's configuration
   * @param usedBy the principal of the call
   * @throws BridgeError when there is no such secret, or the provider may not use it
   */
  use(name: string, usedBy: string): Promise<string>;
}

/** Reads a provider's key, in the clear for the one header that carries it. */
export function providerKeys(keystore: Pick<Keystore, "read">): SecretReader {
  return {
    async use(name) {
      const { value } = await keystore.read(name);
      try {
        return value.reveal();
      } finally {
        value.wipe();
      }
    },
  };
}
