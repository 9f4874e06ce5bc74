import { resolve } from "node:path"
import { printable } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"

const MOST_JOBS = 16

export const command = defineCommand({
  name: "convert",
  summary: "Make a harmless copy of PDFs, pictures and office documents",
  description: [
    "Each document is rendered in a disposable of its own, which sends back nothing but pixels; from them a PDF is made that holds one picture for each page. What else was in the document (scripts, attachments, links, and what would break a reader) stays in the disposable and ends with it. Text can no longer be selected.",
    "report.pdf becomes report.trusted.pdf beside it, photo.png becomes photo.png.trusted.pdf. The original is kept; a file that exists is not replaced. If one document fails, the others are converted all the same, and the exit status is 1.",
    "The image of the disposable needs the packages poppler-utils; graphicsmagick for pictures; libreoffice for office documents.",
  ],
  arguments: [{ name: "FILE", required: true, many: true, complete: "file" }],
  options: {
    in: {
      kind: "value",
      placeholder: "INSTANCE",
      complete: "instance",
      summary:
        "Render in disposables of this instance; otherwise of the default one, or of the first whose application has poppler",
    },
    out: { kind: "value", placeholder: "DIR", complete: "file", summary: "Put the copies there" },
    dpi: { kind: "value", placeholder: "N", summary: "Pixels per inch, 36 to 600; 150 unless given" },
    jobs: {
      kind: "value",
      short: "j",
      placeholder: "N",
      summary: "Disposables at once, 1 to 16; 2 unless given",
    },
  },
  examples: [
    { command: "skerry convert report.pdf", summary: "Make report.trusted.pdf" },
    { command: "skerry convert --in pdf --out clean -j 4 inbox/*", summary: "A whole folder, four at once" },
  ],
  async run(context, { options, positionals }) {
    const [
      { converterOf },
      { loadCurrent },
      { parseDpi },
      { convertAll },
      { openHostCall },
      { openClient },
      { Progress },
    ] = await Promise.all([
      import("../convert/converter.ts"),
      import("@skerry/image"),
      import("@skerry/services"),
      import("../convert/convert-all.ts"),
      import("../services/host-call.ts"),
      import("../client.ts"),
      import("../render/progress.ts"),
    ])
    const dpi = parseDpi(options.dpi)
    const jobs = parseJobs(options.jobs)
    const connection = await openClient(context)
    using progress = new Progress(context.stderr, Date.now)
    const converted = await convertAll({
      openCall: (to) => Promise.resolve(openHostCall(connection, to, to.signal ?? context.signal)),
      target:
        options.in === undefined
          ? converterOf((await loadCurrent(context.paths)).system)
          : `@dispvm:${options.in}`,
      paths: positionals.map((path) => resolve(context.cwd, path)),
      outputFolder: options.out === undefined ? undefined : resolve(context.cwd, options.out),
      dpi,
      jobs,
      signal: context.signal,
      onProgress: progress.onProgress,
    })
    progress[Symbol.dispose]()
    for (const { path, result } of converted) {
      // For a program the name itself, for a terminal what is safe there: it may have come from anywhere.
      const shown = context.stdout.isTTY === true ? printable : String
      if (result.kind === "made") context.stdout.write(`${shown(result.copy)}\n`)
      else context.stderr.write(`skerry convert: ${printable(path)}: ${result.why}\n`)
    }
    return converted.every(({ result }) => result.kind === "made") ? 0 : 1
  },
})

function parseJobs(word: string | undefined): number {
  if (word === undefined) return 2
  const jobs = Number(word)
  if (/^[0-9]{1,2}$/.test(word) && jobs >= 1 && jobs <= MOST_JOBS) return jobs
  throw new CliError("usage", `--jobs takes a number from 1 to ${MOST_JOBS}, not ${JSON.stringify(word)}`)
}
