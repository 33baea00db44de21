import type { DoctorCheck } from "@armorclaw/protocol";

/** What one look at something found; the same whether the bridge looked or the command line did. */
export type Finding = DoctorCheck;

export const ok = (name: string, found: string): Finding => ({ name, status: "ok", found, remedy: null });

/** It works, and will not for ever, or not as well as it could. */
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
