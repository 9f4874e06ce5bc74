import { constants, openSync } from "node:fs"
import { openLinux } from "@skerry/linux"

/* A process of the race test: exchanges two entries of a directory until it is killed. */
const [, , path = "", one = "", other = ""] = process.argv
const RENAME_EXCHANGE = 2
const calls = openLinux().fileCalls()
const directory = openSync(path, constants.O_RDONLY)
process.stdout.write("ready\n")
for (;;) calls.rename(directory, one, directory, other, RENAME_EXCHANGE)
