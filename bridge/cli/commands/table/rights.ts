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
    description: "The directory of what outlives a restart.",
  },
] as const;

/** The short verbs of keys, rights, approvals and the record. */
export const rightsCommands: readonly Command[] = [
  {
    name: "whoami",
    group: "Rights",
    summary: "Who you are to the bridge, and what you may do",
    method: "access.whoami",
  },
  { name: "grant", group: "Rights", summary: "Give a loop a secret that it asks for", method: "access.grant" },
  {
    name: "revoke",
    group: "Rights",
    summary: "Take a loop's secret back, or a principal's role",
    method: "access.revoke",
  },
  { name: "token ls", group: "Rights", summary: "List the API tokens", method: "token.list" },
  { name: "approvals", group: "Rights", summary: "What waits for a person's answer", method: "approval.list" },
  {
    name: "approve",
    group: "Rights",
    args: "APPROVAL",
    summary: "Allow exactly this, once",
    method: "approval.approve",
  },
  { name: "deny", group: "Rights", args: "APPROVAL", summary: "Refuse it", method: "approval.deny" },
  {
    name: "backup verify",
    group: "Rights",
    args: "FILE",
    summary: "Check a backup, the keys in it and its record",
    flags: offlineFlags,
  },
  {
    name: "backup restore",
    group: "Rights",
    args: "FILE",
    summary: "Put a backup in the place of the store; the bridge must not run",
    flags: offlineFlags,
  },
];
