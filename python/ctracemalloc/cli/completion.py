"""`ctracemalloc completion`: scripts by which shells complete commands and their options."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ctracemalloc.cli import COMMANDS
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.commands import actions_of

_DESCRIPTION = """\
Print a script by which a shell completes commands, options, their values, and file names.
"""

_EPILOG = """\
examples:
  ctracemalloc completion bash > ~/.local/share/bash-completion/completions/ctracemalloc
  ctracemalloc completion fish > ~/.config/fish/completions/ctracemalloc.fish
  source <(ctracemalloc completion zsh)
"""

_BASH = """\
_ctracemalloc() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    if ((COMP_CWORD == 1)); then
        words={commands}
    else
        case ${{COMP_WORDS[1]}}:$before in
{values}
        *)
            case ${{COMP_WORDS[1]}} in
{options}
            esac
            ;;
        esac
        [[ $word == -* || $words != -* ]] || words=
    fi
    COMPREPLY=()
    while IFS= read -r; do COMPREPLY+=("$REPLY"); done < <(compgen -W "$words" -- "$word")
}}
complete -o default -F _ctracemalloc ctracemalloc
"""

# zsh takes scripts for bash; it has to be told so, and to complete at all.
_ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
autoload -Uz bashcompinit && bashcompinit
"""


def main(arguments: Sequence[str]) -> int:
    """Print the script."""
    shell = make_parser().parse_args(arguments).shell
    print("\n".join(_fish()) if shell == "fish" else _bash(shell), end="")
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc completion", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script it is")
    return parser


def _bash(shell: str) -> str:
    values, options = [], []
    for command in COMMANDS:
        actions = actions_of(command)
        names = [name for action in actions for name in action.option_strings]
        options.append(f"            {command}) words={shlex.quote(' '.join(names))} ;;")
        for action in actions:
            if action.choices and action.option_strings:
                cases = "|".join(f"{command}:{name}" for name in action.option_strings)
                words = shlex.quote(" ".join(map(str, action.choices)))
                values.append(f"        {cases}) words={words} ;;")
            elif action.choices:
                words = shlex.quote(" ".join(map(str, action.choices)))
                values.append(f"        {command}:{command}) words={words} ;;")
    text = _BASH.format(
        commands=shlex.quote(" ".join(COMMANDS)),
        values="\n".join(values),
        options="\n".join(options),
    )
    return _ZSH + text if shell == "zsh" else text


def _fish() -> Iterator[str]:
    for command, summary in COMMANDS.items():
        quoted = shlex.quote(summary)
        yield f"complete -c ctracemalloc -f -n __fish_use_subcommand -a {command} -d {quoted}"
        for action in actions_of(command):
            words = [f"complete -c ctracemalloc -n '__fish_seen_subcommand_from {command}'"]
            for name in action.option_strings:
                words.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
            if action.choices:
                flag = "-x " if action.option_strings else ""
                words.append(f"{flag}-a {shlex.quote(' '.join(map(str, action.choices)))}")
            elif not action.option_strings:
                continue
            elif action.nargs != 0:
                words.append("-r")
            yield " ".join(words)
    yield ""
