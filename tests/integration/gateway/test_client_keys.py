"""`imagebatch keys` and `login` with a gateway that signs callers in by tokens of the cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.gateway.access import ALL, People, account, gateway_kubeconfig
from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import NAMESPACE, Cluster, Gateway
from integration.gateway.test_client import Command

CSV = "S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"


@pytest.fixture(scope="module")
def signing_in(
    cluster: Cluster, make_gateway: GatewayMaker, tmp_path_factory: pytest.TempPathFactory
) -> Gateway:
    kubeconfig = gateway_kubeconfig(cluster, tmp_path_factory.mktemp("keys"))
    gateway = make_gateway(KUBECONFIG=kubeconfig, IMAGEBATCH_AUTH_MODE="kubernetes")
    gateway.start()
    return gateway


@pytest.fixture(scope="module")
def keeper(cluster: Cluster) -> str:
    """The token of somebody who may write requests and manage keys."""
    people = People(cluster)
    people.allow(account("keeper"), NAMESPACE, *ALL)
    people.allow(account("keeper"), NAMESPACE, "update", resource="secrets")
    return people.token("keeper")


def test_a_key_is_made_used_listed_and_revoked(
    signing_in: Gateway, keeper: str, tmp_path: Path
) -> None:
    owner, program = (Command(signing_in.url, tmp_path / name) for name in ("owner", "program"))
    for one in (owner, program):
        one.folder.mkdir()
    owner("login", signing_in.url, stdin=f"{keeper}\n")
    key = owner("keys", "create", "shop import", "--scope", "write").strip()
    reader = json.loads(owner("keys", "create", "reader", "--expires-in-days", "7", "--json"))
    (program.folder / "p.csv").write_text(CSV)

    program("submit", "p.csv", code=3)
    assert "IMAGEBATCH_TOKEN" in program.said
    program("login", signing_in.url, stdin=f"{key}\n")
    request_id = program("submit", "p.csv").strip()
    made = json.loads(program("list", "--jsonl").splitlines()[0])
    assert (made["requestId"], made["createdBy"]) == (request_id, "key:shop import")
    program("keys", "list", code=3)

    listed = {line.split("\t")[1]: line.split("\t") for line in owner("keys", "list").splitlines()}
    assert listed["shop import"][2] == "write"
    assert listed["shop import"][4] == account("keeper")
    assert listed["reader"][:3] == [reader["id"], "reader", "read"]
    assert listed["reader"][5]
    assert key not in owner("keys", "list", "--json")

    program("--token", reader["key"], "status", request_id)
    program("--token", reader["key"], "submit", "p.csv", code=3)
    owner("keys", "revoke", listed["shop import"][0])
    program("status", request_id, code=3)
    owner("keys", "revoke", "0123456789abcdef", code=4)


def test_who_may_not_manage_secrets_makes_no_key(
    signing_in: Gateway, cluster: Cluster, tmp_path: Path
) -> None:
    people = People(cluster)
    people.allow(account("writer"), NAMESPACE, *ALL)
    command = Command(signing_in.url, tmp_path)
    command("login", signing_in.url, stdin=f"{people.token('writer')}\n")
    command("keys", "create", "mine", code=3)
    assert "update" in command.said
    (tmp_path / "p.csv").write_text(CSV)
    command("submit", "p.csv")
