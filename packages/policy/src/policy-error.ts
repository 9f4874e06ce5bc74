/** One thing that is wrong in a policy. */
export interface PolicyProblem {
  readonly file: string
  /** From 1; 0: the file as a whole. */
  readonly line: number
  readonly message: string
}

/** The policy cannot be used: until it is mended, every call is refused. */
export class PolicyError extends Error {
  override readonly name = "PolicyError"
  readonly code = "syntax"
  readonly file: string
  readonly line: number
  /** All that was found, up to a bound; the first is this error's own. */
  readonly problems: readonly [PolicyProblem, ...PolicyProblem[]]

  constructor(problems: readonly [PolicyProblem, ...PolicyProblem[]]) {
    super(problems.map(describeProblem).join("\n"))
    this.file = problems[0].file
    this.line = problems[0].line
    this.problems = problems
  }
}

export const describeProblem = ({ file, line, message }: PolicyProblem): string =>
  line === 0 ? `${file}: ${message}` : `${file}:${line}: ${message}`
