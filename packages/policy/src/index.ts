export { type Answer, decideAnswer } from "./decide-answer.ts"
export type { Allow, Ask, Decision, Deny } from "./decision.ts"
export { evaluate, type Moment, type PolicyRequest } from "./evaluate.ts"
export { POLICY_LIMITS } from "./limits.ts"
export { type LoadPolicyOptions, loadPolicy, type Policy } from "./load.ts"
export {
  CONFIGURATION_FILE,
  disposableTag,
  factsOfSystem,
  rulesOfConfiguration,
} from "./of-configuration.ts"
export { describeProblem, PolicyError, type PolicyProblem } from "./policy-error.ts"
export { mergeDirectories } from "./policy-files.ts"
export { type Action, type Rule, type RuleExtensions, ruleKey, ruleShown } from "./rule.ts"
export { type Domain, type DomainFacts, type SystemView, systemView, type Target } from "./system-view.ts"
