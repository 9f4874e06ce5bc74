import type { Bench } from "./bench.ts"
import { timed } from "./timed.ts"

const MEGABYTES = 256
const BYTES = MEGABYTES * 1_000_000

/** Milliseconds of so many bytes through one pipe, from one program to another. */
export const plainPipe = ({ environment }: Bench, bytes: number): number =>
  timed(["bash", "-c", `head -c ${bytes} /dev/zero | cat >/dev/null`], environment)

/** Fails unless every byte comes out again. Both ends of the middle program are pipes. */
const script = (middle: string) =>
  `set -o pipefail; n=$(head -c ${BYTES} /dev/zero | ${middle} | wc -c) && [ "$n" -eq ${BYTES} ]`

export const pipeThrough = (bench: Bench): number =>
  timed(["bash", "-c", script("cat")], bench.home.environment)

export function pipeThroughDomain(bench: Bench): number {
  const words = bench.home.words("run", "-d", "light", "--", "cat")
  // As arguments, so that no path needs quoting.
  return timed(["bash", "-c", script('"$@"'), "bash", ...words], bench.home.environment)
}
