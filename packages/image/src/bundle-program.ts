import { ImageError } from "./errors.ts"

/**
 * One CommonJS file of a program of domains and all that it imports; native code stays outside. Equal sources give equal
 * bytes. The bundler is loaded only here: the CLI's own bundle starts without it.
 */
export async function bundleProgram(
  entry: string,
  /** Modules by name, and the files that take their places. */
  replaced: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  try {
    const { build } = await import("esbuild")
    const result = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      platform: "node",
      target: "node24",
      format: "cjs",
      minifySyntax: true,
      minifyWhitespace: true,
      minifyIdentifiers: true,
      legalComments: "none",
      logLevel: "silent",
      // Paths in comments or errors would make the bundle depend on where the sources are.
      sourcemap: false,
      // The other two are what packages use where they are there.
      external: ["koffi", "msgpackr-extract", "cbor-extract"],
      alias: { ...replaced },
      // CommonJS has no import.meta.
      define: { "import.meta.url": "programUrl", "import.meta.filename": "__filename" },
      banner: { js: 'const programUrl = require("node:url").pathToFileURL(__filename).href;' },
    })
    const [file] = result.outputFiles
    if (file === undefined) throw new Error("the bundle is empty")
    return file.contents
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 600) : "unknown"
    throw new ImageError("bad-input", `Cannot bundle what domains run (${entry}): ${why}`, { cause: error })
  }
}
