"""The completion scripts, in the shells that this machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
pytestmark = pytest.mark.slow

#: What is typed before Tab, and the candidates.
LINES = {
    "imagebatch w": {"watch", "webhook"},
    "imagebatch keys ": {"create", "list", "revoke"},
    "imagebatch submit --max-": {"--max-width", "--max-height", "--max-failed-percent"},
    "imagebatch submit --format ": {"jpeg", "webp", "avif", "png", "original"},
    "imagebatch list --status c": {"completed", "cancelled"},
}
#: Calls the function that Tab calls, and writes the candidates of each line of $TYPED.
BASH = r"""
eval "$(imagebatch --show-completion bash)"
[[ $(complete -p imagebatch) =~ '-o default -F '([^ ]+) ]] || exit 1
while IFS= read -r line; do
  read -ra COMP_WORDS <<< "$line"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
  "${BASH_REMATCH[1]}" imagebatch "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
  echo "${COMPREPLY[*]}"
done <<< "$TYPED"
"""
#: The functions of zsh's own that the script calls write what they are given.
ZSH = r"""
compdef() { : }
_arguments() { print -r -- "$1" }
eval "$(imagebatch --show-completion zsh)"
while IFS= read -r line; do
  words=(${=line}); [[ $line == *' ' ]] && words+=('')
  CURRENT=${#words}
  _imagebatch_completion
done <<< "$TYPED"
"""
FISH = r"""
imagebatch --show-completion fish | source
for line in (string split \n -- $TYPED)
    string join ' ' (complete --do-complete $line | string replace -r '\t.*' ''); or true
end
"""
_PLAIN = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}


def run(shell: str, script: str, lines: list[str], folder: Path) -> list[str]:
    """Return what the shell writes for each line."""
    if shutil.which(shell) is None:
        pytest.skip(f"this machine has no {shell}")
    own = {"HOME": str(folder), "TYPED": "\n".join(lines)}
    done = subprocess.run(
        [shell, *_PLAIN[shell], "-c", script],
        env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **own},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_bash_gets_the_candidates(tmp_path: Path) -> None:
    found = run("bash", BASH, list(LINES), tmp_path)
    assert [set(line.split()) for line in found] == list(LINES.values())


def test_fish_gets_the_candidates(tmp_path: Path) -> None:
    """It asks several times for each line, so there are two only."""
    lines = [*LINES][-2:]
    found = run("fish", FISH, lines, tmp_path)
    assert [set(line.split()) for line in found] == [LINES[line] for line in lines]


def test_zsh_gets_the_candidates(tmp_path: Path) -> None:
    found = run("zsh", ZSH, list(LINES), tmp_path)
    candidate = re.compile(r'(?<=[( ])"([\w-]+)"(?=[: )])')
    assert [set(candidate.findall(line)) for line in found] == list(LINES.values())


def test_a_file_is_completed_as_the_shell_does_it(tmp_path: Path) -> None:
    """bash's script says ``-o default``, which holds where there is no candidate."""
    (tmp_path / "products.csv").touch()
    assert run("bash", BASH, ["imagebatch submit prod"], tmp_path) == [""]
    assert run("fish", FISH, ["imagebatch submit prod"], tmp_path) == ["products.csv"]


def test_kubectl_gets_candidates_with_their_help(tmp_path: Path) -> None:
    def candidates(*words: str) -> list[str]:
        program = str(PROGRAMS / "kubectl_complete-imagebatch")
        done = subprocess.run([program, *words], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert candidates("wat") == ["watch\tFollow requests until all have ended.", ":0"]
    (quality, directive) = candidates("submit", "--qual")
    assert quality.startswith("--quality\t")
    assert directive == ":0"
    assert candidates("submit", "prod")[-1] == ":0"
