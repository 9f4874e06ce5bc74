export {
  AdministerError,
  type AdministerErrorCode,
  type Administered,
  administer,
  tokenOf,
} from "./administer.ts"
export { type Answer, decideAnswer } from "./decide-answer.ts"
export type { Allow, Ask, Decision, Deny } from "./decision.ts"
export { evaluate, type Moment, type PolicyRequest } from "./evaluate.ts"
export { describeNearMiss, type Explanation, explain, type NearMiss } from "./explain.ts"
export { dotOf, type GraphEdge, type GraphOptions, type PolicyGraph, policyGraph } from "./graph.ts"
export { POLICY_LIMITS } from "./limits.ts"
export { type LintFinding, lint } from "./lint.ts"
export { type LoadPolicyOptions, loadPolicy, type Policy } from "./load.ts"
export {
  CONFIGURATION_FILE,
  disposableTag,
  factsOfSystem,
  rulesOfConfiguration,
} from "./of-configuration.ts"
export { describeProblem, PolicyError, type PolicyProblem } from "./policy-error.ts"
export { isPolicyFile, mergeDirectories } from "./policy-files.ts"
export { type Route, routeCall } from "./route.ts"
export { type Action, type Rule, type RuleExtensions, ruleKey, ruleShown } from "./rule.ts"
export { type Domain, type DomainFacts, type SystemView, systemView, type Target } from "./system-view.ts"
