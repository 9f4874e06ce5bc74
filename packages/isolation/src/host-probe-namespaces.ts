import { parseSubIds } from "./accounts.ts"
import type { Finding, HostFacts } from "./host-probe.ts"

/** Sub-ids below this number would be used up by a few dozen domains. */
const ENOUGH_SUB_IDS = 4096

export function interpretNamespaces({ sysctls, userNamespaceProblem }: HostFacts): Finding {
  const name = "user namespaces"
  if (userNamespaceProblem === undefined) {
    return {
      name,
      state: "ok",
      found: "an ordinary account can make them",
      meaning: "Level process can be had.",
    }
  }
  const meaning = "No domain of level process can start, nor any domain of an ordinary user."
  const finding = (found: string, fix: string): Finding => ({ name, state: "missing", found, meaning, fix })
  if (sysctls.appArmorRestrictsUserNamespaces === "1") {
    return finding(
      "AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns=1)",
      "give bwrap and unshare an AppArmor profile with `userns,`, or set that sysctl to 0",
    )
  }
  if (sysctls.unprivilegedUserNamespaces === "0") {
    return finding(
      "turned off for ordinary accounts (kernel.unprivileged_userns_clone=0)",
      "sudo sysctl kernel.unprivileged_userns_clone=1",
    )
  }
  if (sysctls.maxUserNamespaces === "0") {
    return finding("turned off (user.max_user_namespaces=0)", "sudo sysctl user.max_user_namespaces=10000")
  }
  return finding(
    `a trial failed: ${userNamespaceProblem}`,
    "use a kernel with CONFIG_USER_NS, outside of a container that forbids them",
  )
}

export function interpretAccounts(facts: HostFacts): Finding {
  const name = "accounts"
  if (facts.uid === 0) {
    const meaning = "Every domain runs under an account that nothing else uses."
    return { name, state: "ok", found: "a reserved range of uids, as root", meaning }
  }
  const uids = parseSubIds(facts.subuid, facts.userName, facts.uid)
  const gids = parseSubIds(facts.subgid, facts.userName, facts.uid)
  const count = Math.min(uids?.count ?? 0, gids?.count ?? 0)
  const giveIds = `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${facts.userName}`
  const none = "Domains cannot get accounts of their own, and Skerry runs none under yours."
  if (count === 0) {
    return { name, state: "missing", found: `no sub-uids for ${facts.userName}`, meaning: none, fix: giveIds }
  }
  if (facts.tools.newuidmap === undefined) {
    return {
      name,
      state: "missing",
      found: "no newuidmap",
      meaning: none,
      fix: "sudo apt-get install uidmap",
    }
  }
  const found = `${count} sub-uids for ${facts.userName}`
  if (count < ENOUGH_SUB_IDS) {
    return { name, state: "limited", found, meaning: `Only ${count} domains can run at once.`, fix: giveIds }
  }
  return { name, state: "ok", found, meaning: "Every domain runs under an account that nothing else uses." }
}

export function interpretCgroups({ cgroups: { controls, reason } }: HostFacts): Finding {
  const name = "cgroups"
  const words = { memory: "memory", processes: "processes", cpu: "CPU share", freezer: "freezing" }
  const held = Object.entries(words).flatMap(([key, word]) =>
    controls[key as keyof typeof words] ? [word] : [],
  )
  const found = held.length === 0 ? "no control" : `control over ${held.join(", ")}`
  if (reason === undefined) {
    return { name, state: "ok", found, meaning: "A domain cannot take more than its share of the host." }
  }
  // No backend needs them: without them a domain is kept apart, but not within bounds.
  return {
    name,
    state: "limited",
    found,
    meaning: `A domain may take more of the host than it is given. ${reason}.`,
  }
}
