import type { Command } from "./command.ts";

/** The commands for the Matrix account. */
export const matrixCommands: readonly Command[] = [
  {
    name: "matrix test",
    group: "Matrix",
    args: "ROOM_ID",
    summary: "Send a test message to a room, and show whether the homeserver accepted it",
    method: "matrix.send",
    defaults: { message: "This is a test of the ArmorClaw bridge.", msgtype: "m.notice" },
  },
  { name: "matrix login", group: "Matrix", summary: "Log the bridge in to a homeserver", method: "matrix.login" },
  {
    name: "matrix status",
    group: "Matrix",
    summary: "Show the state of the connection to the homeserver",
    method: "matrix.status",
  },
  { name: "matrix rooms", group: "Matrix", summary: "List the rooms of the bridge's account", method: "matrix.rooms" },
  {
    name: "matrix download",
    group: "Matrix",
    args: "ROOM_ID EVENT_ID",
    summary: "Save the attachment of a message",
    flags: [{ name: "output", key: "output", kind: "string", placeholder: "FILE", description: "The file to create." }],
  },
  {
    name: "matrix verify",
    group: "Matrix",
    summary: "Verify a person's device by comparing emoji",
    method: "matrix.verify",
  },
];
