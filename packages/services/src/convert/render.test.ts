import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { unlessInstalled } from "../testing/unless-installed.ts"
import { runProgram, serviceTable } from "../testing.ts"
import { convertFile } from "./convert-file.ts"
import { renderService } from "./render.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-render-"))
after(() => rmSync(folder, { recursive: true }))
const withPoppler = { skip: unlessInstalled("pdftoppm", "pdfinfo") }
const withPictures = { skip: unlessInstalled("gm", "pdftoppm") }

async function convert(name: string, bytes: string | Uint8Array, dpi = 72) {
  const outputFolder = mkdtempSync(join(folder, "out-"))
  const path = join(folder, name)
  writeFileSync(path, bytes, "latin1")
  const { openCall, calls } = serviceTable({
    "skerry.Convert": (to) =>
      runProgram(renderService, {
        environment: { PATH: process.env.PATH ?? "", QREXEC_SERVICE_ARGUMENT: to.argument ?? "" },
      }),
  })
  let pages = 0
  const { signal } = new AbortController()
  const options = { openCall, target: "@dispvm", path, outputFolder, dpi, signal }
  const made = await convertFile({ ...options, onPage: (done) => (pages = done) })
  return { made, pages, calls }
}

/** Objects 1 and 2 are the catalogue and the pages; page N is object 2 + N. */
function pdf(
  pageBoxes: readonly string[],
  extra: { catalog?: string; objects?: readonly string[] } = {},
): string {
  const contents = 3 + pageBoxes.length
  const drawing = "1 0 0 rg 10 10 30 30 re f"
  const objects = [
    `<< /Type /Catalog /Pages 2 0 R ${extra.catalog ?? ""} >>`,
    `<< /Type /Pages /Count ${pageBoxes.length} /Kids [${pageBoxes.map((_, at) => `${3 + at} 0 R`).join(" ")}] >>`,
    ...pageBoxes.map((box) => `<< /Type /Page /Parent 2 0 R /MediaBox [${box}] /Contents ${contents} 0 R >>`),
    `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
    ...(extra.objects ?? []),
  ]
  return `%PDF-1.7\n${objects.map((text, at) => `${at + 1} 0 obj\n${text}\nendobj\n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\n%%EOF\n`
}

/** Every name and keyword of a PDF outside its streams. */
function wordsOf(bytes: Buffer): Set<string> {
  const text = bytes.toString("latin1").replace(/stream\n.*?\nendstream/gs, "")
  return new Set(text.match(/\/[A-Za-z]+/g))
}

test("a hostile PDF becomes one that holds nothing but pictures", withPoppler, async () => {
  const hostile = pdf(["0 0 100 50"], {
    catalog:
      "/OpenAction 5 0 R /Names << /EmbeddedFiles << /Names [(a) 6 0 R] >> /JavaScript << /Names [(j) 5 0 R] >> >> /AcroForm << /XFA 7 0 R >> /AA << /WC 5 0 R >>",
    objects: [
      "<< /S /JavaScript /JS (app.alert\\(1\\)) >>",
      "<< /Type /Filespec /F (evil.exe) /EF << /F 7 0 R >> >>",
      "<< /Type /EmbeddedFile /Length 4 >>\nstream\nMZ!!\nendstream",
    ],
  })
  const { made, pages } = await convert("hostile.pdf", hostile)
  assert.equal(pages, 1)
  const bytes = readFileSync(made)
  const known =
    "Type Catalog Pages Page Kids Count Parent MediaBox Resources XObject P Contents Length Subtype Image Width Height ColorSpace DeviceRGB BitsPerComponent Filter FlateDecode Size Root"
  assert.deepEqual(
    [...wordsOf(bytes)].sort(),
    known
      .split(" ")
      .map((name) => `/${name}`)
      .sort(),
  )
  for (const evil of ["JavaScript", "app.alert", "evil.exe", "MZ!!", "EmbeddedFile"]) {
    assert.ok(!bytes.includes(evil), evil)
  }
  assert.equal(readFileSync(join(folder, "hostile.pdf"), "latin1"), hostile)
})

test("the copy holds the original's pixels, and is the same each time", withPoppler, async () => {
  const { made } = await convert("look.pdf", pdf(["0 0 100 50"]), 144)
  execFileSync("pdfimages", [made, join(folder, "look")])
  const original = execFileSync("pdftoppm", ["-r", "144", join(folder, "look.pdf")])
  assert.ok(readFileSync(join(folder, "look-000.ppm")).equals(original))
  const again = await convert("look.pdf", pdf(["0 0 100 50"]), 144)
  assert.ok(readFileSync(again.made).equals(readFileSync(made)))
})
test("a page without colour is kept without, and looks the same", withPoppler, async () => {
  const grey = pdf(["0 0 100 50"]).replace("1 0 0 rg", "0.5    g")
  const { made } = await convert("grey.pdf", grey, 144)
  assert.ok(wordsOf(readFileSync(made)).has("/DeviceGray"))
  const original = execFileSync("pdftoppm", ["-r", "144", join(folder, "grey.pdf")])
  execFileSync("pdfimages", [made, join(folder, "grey")])
  const samples = readFileSync(join(folder, "grey-000.ppm"))
  assert.ok(samples.equals(original))
  assert.ok(samples.includes(128) || samples.includes(127))
})

test("a hundred pages take one call, and the same order", withPoppler, async () => {
  const boxes = Array.from({ length: 100 }, (_, at) => `0 0 ${100 + at} 50`)
  const { made, pages, calls } = await convert("hundred.pdf", pdf(boxes), 36)
  assert.equal(pages, 100)
  assert.equal(calls.length, 1)
  const printed = execFileSync("pdfinfo", ["-l", "100", made], { encoding: "utf8" })
  assert.match(printed, /^Page +1 size: +100 x 50 pts/m)
  assert.match(printed, /^Page +99 size: +198 x 50 pts/m)
})

test("a page that is larger than the receiver takes comes at a lower resolution", withPoppler, async () => {
  const { made, pages } = await convert("large.pdf", pdf(["0 0 100 100", "0 0 14400 10", "0 0 100 100"]), 72)
  assert.equal(pages, 3)
  const printed = execFileSync("pdfinfo", ["-l", "3", made], { encoding: "utf8" })
  const [, width] = /^Page +2 size: +([\d.]+) x/m.exec(printed) ?? []
  assert.ok(Number(width) > 9000 && Number(width) <= 10_000, width)
})

test("what cannot be rendered says why", withPoppler, async () => {
  await assert.rejects(convert("text.txt", "hello"), /It is no PDF, picture or office document/)
  await assert.rejects(
    convert("broken.pdf", "%PDF-1.7\nnothing"),
    /It could not be rendered: pdfinfo failed: /,
  )
  await assert.rejects(convert("empty.pdf", ""), /It is no PDF/)
})

test("pictures become pages, and a TIFF's all of them", withPictures, async () => {
  for (const [name, count] of [
    ["a.png", 1],
    ["b.jpg", 1],
    ["c.gif", 1],
    ["d.bmp", 1],
    ["e.tiff", 2],
  ] as const) {
    const path = join(folder, `made-${name}`)
    execFileSync("gm", ["convert", ...new Array<string>(count).fill("xc:red"), "-resize", "40x20!", path])
    const { made, pages } = await convert(name, readFileSync(path))
    assert.equal(pages, count, name)
    const ppm = execFileSync("pdftoppm", ["-r", "72", "-f", "1", "-l", "1", made])
    assert.equal(ppm.subarray(0, 12).toString("latin1"), "P6\n40 20\n255")
    assert.ok((ppm[13] ?? 0) > 250 && (ppm[14] ?? 255) < 5, name)
  }
})

test("what is transparent becomes white", withPictures, async () => {
  const path = join(folder, "clear.png")
  execFileSync("gm", ["convert", "-size", "4x4", "xc:transparent", path])
  const { made } = await convert("clear2.png", readFileSync(path))
  assert.deepEqual([...execFileSync("pdftoppm", ["-r", "72", made]).subarray(11, 14)], [255, 255, 255])
})
