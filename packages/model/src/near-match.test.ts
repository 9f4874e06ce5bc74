import assert from "node:assert/strict"
import { test } from "node:test"
import { nearMatch } from "./near-match.ts"

const words = ["application", "grants", "isolation", "memoryMiB", "pdf"]

test("a letter dropped, added, replaced or swapped finds the word", () => {
  for (const typo of ["aplication", "applicationn", "applicatoin", "Application", "appl1cation"]) {
    assert.equal(nearMatch(typo, words), "application")
  }
})

test("the nearest of several words wins, and the first of equally near ones", () => {
  assert.equal(nearMatch("scratc", ["scrap", "scratch"]), "scratch")
  assert.equal(nearMatch("maik", ["mail", "main"]), "mail")
})

test("the beginning of a word finds it", () => {
  assert.equal(nearMatch("memory", words), "memoryMiB")
  assert.equal(nearMatch("me", words), undefined)
})

test("a word that shares little is no match", () => {
  assert.equal(nearMatch("network", words), undefined)
  assert.equal(nearMatch("x", ["pdf"]), undefined)
  assert.equal(nearMatch("", ["pdf"]), undefined)
  assert.equal(nearMatch("a".repeat(65), ["a".repeat(64)]), undefined)
})
