/** Where providers' keys come from. A key is used inside the bridge and goes nowhere else. */
export interface SecretReader {
  /**
   * @param name as the provider's configuration has it
   * @param usedBy the principal whose call it is used for
   * @throws BridgeError when there is no such secret, or it may not be used for this
   */
  use(name: string, usedBy: string): Promise<string>;
}
