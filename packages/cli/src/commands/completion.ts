import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { completionScript, SHELL_NAMES } from "../completion/script.ts"

export const command = defineCommand({
  name: "completion",
  summary: "Print a completion script for a shell",
  description: ["Load it in the shell's start-up file. Instances are completed from the configuration."],
  arguments: [{ name: "SHELL", required: true, choices: SHELL_NAMES }],
  options: {},
  examples: [
    { command: "echo 'source <(skerry completion bash)' >> ~/.bashrc", summary: "For bash" },
    { command: "echo 'source <(skerry completion zsh)' >> ~/.zshrc", summary: "For zsh, after compinit" },
    { command: "skerry completion fish > ~/.config/fish/completions/skerry.fish", summary: "For fish" },
  ],
  async run(context, { positionals: [word] }) {
    const shell = SHELL_NAMES.find((each) => each === word)
    if (shell === undefined) throw new CliError("usage", `SHELL must be one of ${SHELL_NAMES.join(", ")}`)
    const shown = context.commands.filter((entry) => entry.hidden !== true)
    const loaded = await Promise.all(shown.map((entry) => entry.load()))
    context.stdout.write(
      completionScript(
        shell,
        loaded.map((module) => module.command),
      ),
    )
    return 0
  },
})
