import { once } from "node:events";
import { connect } from "node:net";
import type { TLSSocket } from "node:tls";

const deadlineMs = 3_000;

/**
 * Connects to a listener as a client does.
 * @returns the end of its certificate's validity, where it has a certificate
 * @throws when nothing accepts the connection
 */
export async function checkListener(url: string): Promise<{ readonly certificateUntilMs: number | undefined }> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const signal = AbortSignal.timeout(deadlineMs);
  const isTls = protocol === "https:";
  // This check is about the validity period; clients verify the certificate's name.
  const socket = isTls
    ? process.getBuiltinModule("node:tls").connect({ host, port: Number(port), rejectUnauthorized: false })
    : connect({ host, port: Number(port) });
  try {
    await once(socket, isTls ? "secureConnect" : "connect", { signal });
    if (!isTls) return { certificateUntilMs: undefined };
    return { certificateUntilMs: Date.parse((socket as TLSSocket).getPeerCertificate().valid_to) };
  } finally {
    socket.destroy();
  }
}
