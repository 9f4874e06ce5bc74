import { parseArgs } from "node:util"
import { fuzz, saveFinding } from "./run.ts"
import { targets } from "./targets.ts"

const names = targets.map(({ name }) => name).join(", ")
const usage = `usage: npm run fuzz -- TARGET [--seconds N] [--seed N]\ntargets: ${names}`

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } },
  })
  const target = targets.find(({ name }) => name === positionals[0])
  const seconds = Number(values.seconds)
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed)
  if (target === undefined || !(seconds > 0) || !Number.isInteger(seed)) {
    console.error(usage)
    return 2
  }
  console.log(`${target.name}: ${seconds} s with --seed ${seed}`)
  const { inputs, finding } = await fuzz(target, seed, seconds * 1000)
  if (finding === undefined) {
    console.log(`${inputs} inputs, nothing found`)
    return 0
  }
  console.error(`Input ${inputs} broke a promise; it is kept in ${await saveFinding(target, finding)}`)
  console.error(finding.error)
  return 1
}

process.exitCode = await main()
