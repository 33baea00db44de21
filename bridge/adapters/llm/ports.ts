/** Reads providers' keys. A key never leaves the bridge, except to its provider. */
export interface SecretReader {
  /**
   * @param name the name in the provider's configuration
   * @param usedBy the principal of the call
   * @throws BridgeError when there is no such secret, or the provider may not use it
   */
  use(name: string, usedBy: string): Promise<string>;
}
