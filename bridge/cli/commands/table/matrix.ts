import type { Command } from "./command.ts";

/** The verbs of rooms that have no method of their own; the others are the methods themselves. */
export const matrixCommands: readonly Command[] = [
  {
    name: "matrix test",
    group: "Matrix",
    args: "ROOM_ID",
    summary: "Send a room a test message, and tell whether the homeserver took it",
    method: "matrix.send",
    defaults: { message: "This is a test of the ArmorClaw bridge.", msgtype: "m.notice" },
  },
  { name: "matrix login", group: "Matrix", summary: "Log the bridge in to a homeserver", method: "matrix.login" },
  { name: "matrix status", group: "Matrix", summary: "How the link to the homeserver is", method: "matrix.status" },
  { name: "matrix rooms", group: "Matrix", summary: "The rooms that the bridge is in", method: "matrix.rooms" },
  {
    name: "matrix download",
    group: "Matrix",
    args: "ROOM_ID EVENT_ID",
    summary: "Write the file of a message to a file",
    flags: [{ name: "output", key: "output", kind: "string", placeholder: "FILE", description: "The new file." }],
  },
  { name: "matrix verify", group: "Matrix", summary: "Compare emoji with a person's device", method: "matrix.verify" },
];
