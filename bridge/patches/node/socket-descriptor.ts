import type { Socket } from "node:net";

/** The socket's file descriptor, or -1 when it has none any more. Node has no public way to it. */
export const descriptorOf = (socket: Socket): number =>
  (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
