import assert from "node:assert/strict"
import { test } from "node:test"
import { AdministerError, administer, tokenOf } from "./administer.ts"

const FILES = new Map([
  ["30-a.policy", "a.One * mail work allow\n!include include/more"],
  ["include/more", "b.Two * * * deny"],
])

function codeOf(call: string, argument: string, payload = ""): string {
  try {
    administer(FILES, call, argument, payload)
    return "done"
  } catch (error) {
    assert.ok(error instanceof AdministerError, String(error))
    return error.code
  }
}

test("files are listed and read, each with the token of its text", () => {
  assert.equal(administer(FILES, "policy.List", "", "").reply, "30-a\n")
  assert.equal(administer(FILES, "policy.include.List", "", "").reply, "more\n")
  const { reply } = administer(FILES, "policy.include.Get", "more", "")
  assert.equal(reply, `${tokenOf("b.Two * * * deny")}\nb.Two * * * deny`)
  assert.equal(administer(FILES, "policy.GetFiles", "b.Two", "").reply, "include/more\n")
})

test("a file is replaced by who knows what it was, and nothing else is changed", () => {
  const token = tokenOf(FILES.get("include/more") ?? "")
  const { files } = administer(FILES, "policy.include.Replace", "more", `${token}\nb.Two * * * allow`)
  assert.equal(files.get("include/more"), "b.Two * * * allow")
  assert.equal(FILES.get("include/more"), "b.Two * * * deny")
  assert.equal(codeOf("policy.include.Replace", "more", "sha256:00\nx"), "token")
  assert.equal(codeOf("policy.include.Replace", "more", "new\nx"), "token")
  assert.equal(codeOf("policy.Replace", "40-new", "new\nb.Two * * * allow"), "done")
})

test("a change with which the policy could not be used is refused", () => {
  assert.equal(codeOf("policy.Replace", "30-a", "any\nnonsense"), "syntax")
  assert.equal(codeOf("policy.include.Remove", "more", "any"), "syntax")
  assert.equal(codeOf("policy.Remove", "30-a", "any"), "done")
})

test("calls that make no sense are refused", () => {
  for (const [call, argument, payload] of [
    ["policy.Erase", "", ""],
    ["policy.constructor", "", ""],
    ["policy.List", "x", ""],
    ["policy.Replace", "30-a", "any"],
    ["policy.Replace", "30-a", "what\nx"],
    ["policy.GetFiles", "", ""],
    ["policy.Get", "a b", ""],
  ] as const) {
    assert.equal(codeOf(call, argument, payload), "protocol", `${call}+${argument}`)
  }
  for (const name of ["..", ".hidden", "", "a+b"]) assert.equal(codeOf("policy.Get", name), "file-name")
  assert.equal(codeOf("policy.Get", "gone"), "not-found")
})
