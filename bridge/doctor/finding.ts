import type { DoctorCheck } from "@armorclaw/protocol";

export const ok = (name: string, found: string): DoctorCheck => ({ name, status: "ok", found, remedy: null });

export const warning = (name: string, found: string, remedy: string): DoctorCheck => ({
  name,
  status: "warning",
  found,
  remedy,
});

export const trouble = (name: string, found: string, remedy: string): DoctorCheck => ({
  name,
  status: "trouble",
  found,
  remedy,
});

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
