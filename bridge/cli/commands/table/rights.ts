import type { Command } from "./command.ts";

const offlineFlags = [
  {
    name: "config",
    key: "config",
    kind: "string",
    placeholder: "FILE",
    description: "The configuration file to read.",
  },
  {
    name: "state-dir",
    key: "state-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory with the bridge's state.",
  },
] as const;

/** The commands for identity, secrets, approvals and backups. */
export const rightsCommands: readonly Command[] = [
  {
    name: "whoami",
    group: "Rights",
    summary: "Show your identity at the bridge, and what you may do",
    method: "access.whoami",
  },
  {
    name: "grant",
    group: "Rights",
    summary: "Give a loop a secret that its manifest requests",
    method: "access.grant",
  },
  {
    name: "revoke",
    group: "Rights",
    summary: "Take back a secret from a loop, or a role from a principal",
    method: "access.revoke",
  },
  { name: "token ls", group: "Rights", summary: "List the API tokens", method: "token.list" },
  {
    name: "approvals",
    group: "Rights",
    summary: "List the questions that wait for a person's answer",
    method: "approval.list",
  },
  {
    name: "approve",
    group: "Rights",
    args: "APPROVAL",
    summary: "Allow one request, once",
    method: "approval.approve",
  },
  { name: "deny", group: "Rights", args: "APPROVAL", summary: "Refuse one request", method: "approval.deny" },
  {
    name: "backup verify",
    group: "Rights",
    args: "FILE",
    summary: "Check a backup, its keys and its audit log; needs no bridge",
    flags: offlineFlags,
  },
  {
    name: "backup restore",
    group: "Rights",
    args: "FILE",
    summary: "Replace the store with a backup; the bridge must not run",
    flags: offlineFlags,
  },
];
