import * as z from "zod";

/**
 * The methods that a principal may call. A role follows from the endpoint that a peer connected to and from its OS credentials,
 * never from a parameter.
 */
export const roles = ["admin", "operator", "viewer", "agent"] as const;
export const Role = z.enum(roles).meta({ id: "Role", description: "What a principal may call." });
export type Role = (typeof roles)[number];

/** All roles. */
export const everyone = roles;
/** The roles of people and their tools, which use the bridge's own socket. */
export const people = ["admin", "operator", "viewer"] as const satisfies readonly Role[];
/** The roles that may start, stop and change agents. */
export const operators = ["admin", "operator"] as const satisfies readonly Role[];
