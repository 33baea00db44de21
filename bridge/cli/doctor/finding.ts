import type { DoctorCheck } from "@armorclaw/protocol";

/** The result of one check. The bridge and the command line report it in the same form. */
export type Finding = DoctorCheck;

export const ok = (name: string, found: string): Finding => ({ name, status: "ok", found, remedy: null });

/** It works now, but may fail later or work badly. */
export const warning = (name: string, found: string, remedy: string): Finding => ({
  name,
  status: "warning",
  found,
  remedy,
});

export const trouble = (name: string, found: string, remedy: string): Finding => ({
  name,
  status: "trouble",
  found,
  remedy,
});
