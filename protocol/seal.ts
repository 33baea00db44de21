/** What both ends of a sealed connection agree on; `docs/guides/sealed-messages.md` says how it fits together. */
export const sealProtocol = {
  /** The key of the first line's one member, whose value is the sender's salt in base64. */
  greeting: "armorclaw_seal_v1",
  /** HKDF's info for the key of what the client sends. */
  toServer: "armorclaw seal v1 client to server",
  /** HKDF's info for the key of what the server sends. */
  toClient: "armorclaw seal v1 server to client",
  keyBytes: 32,
  saltBytes: 32,
  nonceBytes: 12,
  tagBytes: 16,
  /** Messages of one direction of one connection; it ends before a nonce could come again. */
  messagesMax: 2 ** 32,
} as const;
