/** Who a command runs as. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** The account of `uid` in the text of /etc/passwd, or one made up for it: an image needs no accounts. */
export function findAccount(passwd: string, uid: number): Account {
  for (const line of passwd.split("\n")) {
    const [name = "", , uidText, gidText, , home = "", shell = ""] = line.split(":")
    if (uidText !== String(uid) || !/^\d+$/.test(gidText ?? "")) continue
    return { name, uid, gid: Number(gidText), home: home || "/", shell: shell || "/bin/sh" }
  }
  const name = uid === 0 ? "root" : "user"
  return { name, uid, gid: uid, home: uid === 0 ? "/root" : "/home/user", shell: "/bin/sh" }
}
