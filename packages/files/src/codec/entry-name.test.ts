import assert from "node:assert/strict"
import { test } from "node:test"
import { FileError, TREE_LIMITS } from "../file-tree.ts"
import { parseAttributeName } from "./attribute-name.ts"
import { entryNameOf, parseEntryName } from "./entry-name.ts"

const codeOf = (action: () => unknown): string => {
  try {
    action()
    return "none"
  } catch (error) {
    assert.ok(error instanceof FileError)
    return error.code
  }
}

test("a name is 1 to 255 bytes, whatever they are", () => {
  for (const name of [
    "a",
    "...",
    ".a",
    "..a",
    " ",
    "\xff",
    "\xc3\x28",
    "\\",
    "n".repeat(TREE_LIMITS.nameBytes),
  ]) {
    assert.equal(parseEntryName(name), name)
  }
})

test("what leads elsewhere, or is no name, is refused with Linux's codes", () => {
  const refused = [
    ["", "ENOENT"],
    [".", "EINVAL"],
    ["..", "EINVAL"],
    ["/", "EINVAL"],
    ["a/b", "EINVAL"],
    ["../x", "EINVAL"],
    ["a\0", "EINVAL"],
    ["\0", "EINVAL"],
    ["n".repeat(TREE_LIMITS.nameBytes + 1), "ENAMETOOLONG"],
  ] as const
  for (const [name, code] of refused)
    assert.equal(
      codeOf(() => parseEntryName(name)),
      code,
      JSON.stringify(name),
    )
})

test("a name that the host gives as text is its bytes in UTF-8", () => {
  assert.equal(entryNameOf("é"), "\xc3\xa9")
  assert.equal(
    codeOf(() => entryNameOf("é".repeat(128))),
    "ENAMETOOLONG",
  )
  assert.equal(entryNameOf("é".repeat(127)).length, 254)
})

test("the name of an extended attribute is the user's own, of 255 bytes at most", () => {
  const longest = `user.${"n".repeat(TREE_LIMITS.attributeNameBytes - 5)}`
  assert.equal(parseAttributeName(longest), longest)
  assert.equal(
    codeOf(() => parseAttributeName(`${longest}n`)),
    "ERANGE",
  )
  assert.equal(
    codeOf(() => parseAttributeName("")),
    "ERANGE",
  )
  assert.equal(
    codeOf(() => parseAttributeName("user.")),
    "EINVAL",
  )
  assert.equal(
    codeOf(() => parseAttributeName("user.a\0b")),
    "EINVAL",
  )
  assert.equal(
    codeOf(() => parseAttributeName("security.capability")),
    "EOPNOTSUPP",
  )
  assert.equal(
    codeOf(() => parseAttributeName("users")),
    "EOPNOTSUPP",
  )
})
