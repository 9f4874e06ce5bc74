import { DIGESTS, type GpgRequest, KEY_ID_FORMATS } from "./request.ts"

export type Command =
  | "sign"
  | "detach-sign"
  | "clear-sign"
  | "encrypt"
  | "decrypt"
  | "verify"
  | "list-keys"
  | "list-secret-keys"
  | "show-keys"
  | "export"
  | "import"
  | "version"

type FlagName = { [K in keyof GpgRequest]: GpgRequest[K] extends boolean ? K : never }[keyof GpgRequest]
type ListName = "localUsers" | "recipients" | "hiddenRecipients"

/** What one of gpg's options means here. */
export type Rule =
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "flag"; readonly flag: FlagName }
  | { readonly kind: "name"; readonly list: ListName }
  | { readonly kind: "status-fd" | "logger-fd" | "output" | "set-filename" | "special-names" | "yes" }
  | { readonly kind: "key-id-format" | "digest" | "trust-model" }
  /** Means nothing in a vault that answers without a terminal: taken, and not passed on. */
  | { readonly kind: "ignored"; readonly takesValue: boolean }

const command = (name: Command): Rule => ({ kind: "command", command: name })
const flag = (name: FlagName): Rule => ({ kind: "flag", flag: name })
const name = (list: ListName): Rule => ({ kind: "name", list })
const ignored: Rule = { kind: "ignored", takesValue: false }
const ignoredValue: Rule = { kind: "ignored", takesValue: true }

/** The allow list, by long name. What does not stand here is refused; gpg's abbreviations are not understood. */
export const LONG_OPTIONS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["sign", command("sign")],
  ["detach-sign", command("detach-sign")],
  ["detach", command("detach-sign")],
  ["clear-sign", command("clear-sign")],
  ["clearsign", command("clear-sign")],
  ["encrypt", command("encrypt")],
  ["decrypt", command("decrypt")],
  ["verify", command("verify")],
  ["list-keys", command("list-keys")],
  ["list-public-keys", command("list-keys")],
  ["fingerprint", command("list-keys")],
  ["list-secret-keys", command("list-secret-keys")],
  ["show-keys", command("show-keys")],
  ["export", command("export")],
  ["import", command("import")],
  ["version", command("version")],
  ["armor", flag("armor")],
  ["armour", flag("armor")],
  ["textmode", flag("textMode")],
  ["quiet", flag("quiet")],
  ["verbose", flag("verbose")],
  ["with-colons", flag("withColons")],
  ["with-fingerprint", flag("withFingerprint")],
  ["with-keygrip", flag("withKeygrip")],
  ["with-secret", flag("withSecret")],
  ["always-trust", flag("alwaysTrust")],
  ["local-user", name("localUsers")],
  ["default-key", name("localUsers")],
  ["recipient", name("recipients")],
  ["hidden-recipient", name("hiddenRecipients")],
  ["status-fd", { kind: "status-fd" }],
  ["logger-fd", { kind: "logger-fd" }],
  ["output", { kind: "output" }],
  ["set-filename", { kind: "set-filename" }],
  ["enable-special-filenames", { kind: "special-names" }],
  ["yes", { kind: "yes" }],
  ["keyid-format", { kind: "key-id-format" }],
  ["digest-algo", { kind: "digest" }],
  ["trust-model", { kind: "trust-model" }],
  ...[
    "batch",
    "no-batch",
    "no-tty",
    "no",
    "no-greeting",
    "no-secmem-warning",
    "no-permission-warning",
    "no-mdc-warning",
    "no-options",
    "no-verbose",
    "no-comments",
    "no-sk-comments",
    "no-emit-version",
    "emit-version",
    "no-encrypt-to",
    "no-auto-check-trustdb",
    "no-auto-key-retrieve",
    "no-auto-key-locate",
    "disable-dirmngr",
    "use-agent",
    "no-use-agent",
    "fixed-list-mode",
    "utf8-strings",
    "no-utf8-strings",
    "enable-progress-filter",
    "exit-on-status-write-error",
    "expert",
    "force-mdc",
  ].map((each): [string, Rule] => [each, ignored]),
  ...[
    "charset",
    "display-charset",
    "display",
    "ttyname",
    "ttytype",
    "lc-ctype",
    "lc-messages",
    "xauthority",
    "comment",
    "command-fd",
    "keyserver-options",
    "max-output",
    "sender",
    "list-options",
    "verify-options",
  ].map((each): [string, Rule] => [each, ignoredValue]),
])

export const SHORT_OPTIONS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["s", command("sign")],
  ["b", command("detach-sign")],
  ["e", command("encrypt")],
  ["d", command("decrypt")],
  ["k", command("list-keys")],
  ["K", command("list-secret-keys")],
  ["a", flag("armor")],
  ["t", flag("textMode")],
  ["q", flag("quiet")],
  ["v", flag("verbose")],
  ["u", name("localUsers")],
  ["r", name("recipients")],
  ["R", name("hiddenRecipients")],
  ["o", { kind: "output" }],
  ["n", ignored],
])

export const takesValue = (rule: Rule): boolean =>
  rule.kind === "ignored" ? rule.takesValue : !["command", "flag", "special-names", "yes"].includes(rule.kind)

export const keyIdFormat = (value: string) => KEY_ID_FORMATS.find((each) => each === value.toLowerCase())
export const digest = (value: string) => DIGESTS.find((each) => each === value.toUpperCase())
