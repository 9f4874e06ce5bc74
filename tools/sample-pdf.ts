import { writeFileSync } from "node:fs"
import { join } from "node:path"

/* Writes testdata/samples/untrusted.pdf: two pages of text, as plain as PDF 1.4 can be (ISO 32000-1, section 7.5). */
const PAGES = [
  [
    "An untrusted document",
    "",
    "You have not opened this file: a virtual machine did.",
    "It had no network, none of your files, and is gone by now.",
  ],
  ["Second page", "", "Every application instance on its own island."],
]

function contents(lines: readonly string[]): string {
  const shown = lines.map((line, index) => `${index === 0 ? "/F1 20 Tf" : "/F1 12 Tf"} (${line}) Tj 0 -24 Td`)
  const text = `BT 72 720 Td ${shown.join(" ")} ET`
  return `<< /Length ${text.length} >>\nstream\n${text}\nendstream`
}

const pageNumbers = PAGES.map((_, index) => 4 + 2 * index)
const objects = [
  "<< /Type /Catalog /Pages 2 0 R >>",
  `<< /Type /Pages /Kids [${pageNumbers.map((number) => `${number} 0 R`).join(" ")}] /Count ${PAGES.length} >>`,
  "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ...PAGES.flatMap((lines, index) => [
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * index} 0 R >>`,
    contents(lines),
  ]),
]
let pdf = "%PDF-1.4\n"
const offsets: number[] = []
objects.forEach((object, index) => {
  offsets.push(pdf.length)
  pdf += `${index + 1} 0 obj\n${object}\nendobj\n`
})
const start = pdf.length
pdf += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`
pdf += offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("")
pdf += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
writeFileSync(join(import.meta.dirname, "../testdata/samples/untrusted.pdf"), pdf, "latin1")
