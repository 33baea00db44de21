import type { Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";

type Approval = Result<"approval.get"> & { readonly is_request_cut?: boolean };

/** Shows each request in full and escaped, because a person approves exactly this. */
export const renderApprovals = ({ approvals }: Result<"approval.list">, view: View): string =>
  approvals.length === 0 ? "No approvals are open." : approvals.map((one) => renderApproval(one, view)).join("\n\n");

export function renderApproval(approval: Approval, { paint }: View): string {
  const { approval_id, status, requester, method, expires_at, decided_by, digest, reason, note } = approval;
  const by = decided_by === null ? "" : ` by ${visible(decided_by)}`;
  const lines = [
    `${paint("bold", approval_id)}  ${status}${by}  expires ${expires_at}`,
    `  ${visible(requester)} asks for ${paint("bold", visible(method))}`,
    ...requestLines(approval.request).map((line) => `  | ${line}`),
    ...(approval.is_request_cut === true
      ? [`  This is only the beginning: \`armorclaw approval get ${approval_id}\` shows the whole request`]
      : []),
    `  digest ${digest}`,
  ];
  if (reason !== null) lines.push(`  reason: ${visible(reason)}`);
  if (note !== null) lines.push(`  note: ${visible(note)}`);
  return lines.join("\n");
}

/** The fields of the canonical JSON, one on a line. A text of several lines takes as many lines. */
function requestLines(request: string): string[] {
  const value = parsed(request);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [visible(request)];
  return Object.entries(value).flatMap(([key, field]) => {
    const lines = (typeof field === "string" ? field : JSON.stringify(field)).split("\n").map(visible);
    const [first = ""] = lines;
    return lines.length === 1
      ? [`${visible(key)}: ${first}`]
      : [`${visible(key)}:`, ...lines.map((line) => `  ${line}`)];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
