/** When a call of an agent needs a person's yes. */
export interface ApprovalRule {
  /** Loops that it is for; all when left out. */
  readonly loops?: readonly string[] | undefined;
  readonly method: string;
  /** For `http.request`: only these hosts. */
  readonly hosts?: readonly string[] | undefined;
  /** For `http.request`: only these HTTP methods. */
  readonly httpMethods?: readonly string[] | undefined;
  /** Principals who may answer; everyone whose role allows it when left out. */
  readonly answerers?: readonly string[] | undefined;
}

export interface PolicyCall {
  readonly loop: string;
  readonly method: string;
  readonly params: unknown;
}

/** The first rule that the call falls under. */
export function ruleFor(
  rules: readonly ApprovalRule[],
  { loop, method, params }: PolicyCall,
): ApprovalRule | undefined {
  const fields = params as { readonly url?: unknown; readonly method?: unknown };
  return rules.find(
    (rule) =>
      rule.method === method &&
      (rule.loops === undefined || rule.loops.includes(loop)) &&
      (rule.hosts === undefined || rule.hosts.includes(hostOf(fields.url))) &&
      (rule.httpMethods === undefined || rule.httpMethods.includes(String(fields.method))),
  );
}

const hostOf = (url: unknown): string => (typeof url === "string" && URL.canParse(url) ? new URL(url).hostname : "");
