import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

const deadlineMs = 3_000;

/** Comes to a listener as a stranger does. @returns until when its certificate is good, where it has one @throws when nobody opens */
export async function checkListener(url: string): Promise<{ readonly certificateUntilMs: number | undefined }> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const signal = AbortSignal.timeout(deadlineMs);
  const isTls = protocol === "https:";
  // Whether the certificate's name is right is for those who come from outside; here its time counts.
  const socket = isTls
    ? connectTls({ host, port: Number(port), rejectUnauthorized: false })
    : connect({ host, port: Number(port) });
  try {
    await once(socket, isTls ? "secureConnect" : "connect", { signal });
    if (!isTls) return { certificateUntilMs: undefined };
    return { certificateUntilMs: Date.parse((socket as TLSSocket).getPeerCertificate().valid_to) };
  } finally {
    socket.destroy();
  }
}
