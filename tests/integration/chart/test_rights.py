"""Each account may do what docs/security.md says, and nothing else.

With ``UPDATE=1`` the table there is written anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from integration.chart.conftest import ELSEWHERE, HOME, SHOP
from integration.chart.rights import allowed, questions, service_account, table
from localcluster.controlplane import ControlPlane

SECURITY = Path(__file__).resolve().parents[3] / "docs" / "security.md"
NAMESPACES = {
    HOME: "the release's namespace",
    SHOP: "a namespace of `runner.namespaces`",
    ELSEWHERE: "any other namespace",
}
OPERATOR = service_account("operator", HOME, "imagebatch-operator")
GATEWAY = service_account("gateway", HOME, "imagebatch-gateway")
#: Those of the runner and of the sweep are in each namespace; here in the listed one.
RUNNER = service_account("runner", SHOP, "imagebatch-runner")
SWEEP = service_account("sweep", SHOP, "imagebatch-sweep")
ACCOUNTS = (OPERATOR, GATEWAY, RUNNER, SWEEP)
_BLOCK = re.compile(r"(?<=<!-- rights -->\n).*?(?=<!-- end of rights -->)", re.DOTALL)


def test_each_account_has_the_rights_of_the_table_and_no_others(plane: ControlPlane) -> None:
    found = allowed(plane, questions(ACCOUNTS, NAMESPACES))
    rows = "\n".join(table(ACCOUNTS, NAMESPACES, found)) + "\n"
    text = SECURITY.read_text()
    if os.environ.get("UPDATE"):
        SECURITY.write_text(_BLOCK.sub(lambda _: rows, text))
    told = _BLOCK.search(SECURITY.read_text())
    assert told is not None
    assert told[0] == rows
