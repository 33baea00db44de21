/** The constants that both ends of a sealed connection share; `docs/guides/sealed-messages.md` explains the format. */
export const sealProtocol = {
  /** The key of the first line's one member, whose value is the sender's salt in base64. */
  greeting: "armorclaw_seal_v1",
  /** HKDF's info for the key of the client's messages. */
  toServer: "armorclaw seal v1 client to server",
  /** HKDF's info for the key of the server's messages. */
  toClient: "armorclaw seal v1 server to client",
  keyBytes: 32,
  saltBytes: 32,
  nonceBytes: 12,
  tagBytes: 16,
  /** The most messages of one direction of one connection, which ends before a nonce could repeat. */
  messagesMax: 2 ** 32,
} as const;
