/** Bounds of the questions that wait; each names the harm it prevents. */
export const PROMPTS = {
  /** Waiting questions of one source: more are refused, so that a domain cannot bury a person in them. */
  perSource: 8,
  /**
   * Waiting questions in all. Where it is reached, the source that has most of them loses its newest.
   * A prompter is sent all of them: fewer than the events that a call of rpc/ may have waiting.
   */
  inAll: 48,
  /** A source that people refused so often within quietMs is not asked about for as long: nobody is to be worn down. */
  denials: 5,
  quietMs: 60_000,
  prompters: 16,
} as const
