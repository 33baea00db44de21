import * as z from "zod";

/**
 * What a principal may call. A role follows from the endpoint that a peer came in by and from its OS credentials,
 * never from anything it says.
 */
export const roles = ["admin", "operator", "viewer", "agent"] as const;
export const Role = z.enum(roles).meta({ id: "Role", description: "What a principal may call." });
export type Role = (typeof roles)[number];

/** Everyone who can connect at all. */
export const everyone = roles;
/** People and their tools: those who come in by the bridge's own socket. */
export const people = ["admin", "operator", "viewer"] as const satisfies readonly Role[];
/** Those who may change what runs. */
export const operators = ["admin", "operator"] as const satisfies readonly Role[];
