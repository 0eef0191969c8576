"""What each account may do, as the API server says: one SubjectAccessReview for each question."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config

from localcluster.controlplane import ControlPlane

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
#: Group, resource, subresource, name; beside what the components use, whatever gives more rights.
RESOURCES: tuple[tuple[str, str, str, str], ...] = (
    ("imagebatch.dev", "imagebatches", "", ""),
    ("imagebatch.dev", "imagebatches", "status", ""),
    ("batch", "jobs", "", ""),
    ("batch", "jobs", "status", ""),
    ("batch", "cronjobs", "", ""),
    ("kueue.x-k8s.io", "workloads", "", ""),
    ("", "pods", "", ""),
    ("", "pods", "exec", ""),
    ("", "pods", "log", ""),
    ("", "pods", "ephemeralcontainers", ""),
    ("", "configmaps", "", ""),
    ("", "secrets", "", ""),
    ("", "secrets", "", "imagebatch-s3"),
    ("", "secrets", "", "imagebatch-webhook"),
    ("", "secrets", "", "imagebatch-webhook-signing"),
    ("", "serviceaccounts", "", ""),
    ("", "serviceaccounts", "", "imagebatch-runner"),
    ("", "serviceaccounts", "token", ""),
    ("", "events", "", ""),
    ("", "services", "", ""),
    ("coordination.k8s.io", "leases", "", ""),
    ("coordination.k8s.io", "leases", "", "imagebatch-operator"),
    ("apps", "deployments", "", ""),
    ("networking.k8s.io", "networkpolicies", "", ""),
    ("rbac.authorization.k8s.io", "roles", "", ""),
    ("rbac.authorization.k8s.io", "rolebindings", "", ""),
)
CLUSTER_RESOURCES: tuple[tuple[str, str, str, str], ...] = (
    ("", "namespaces", "", ""),
    ("", "nodes", "", ""),
    ("rbac.authorization.k8s.io", "clusterroles", "", ""),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", "", ""),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", "", ""),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings", "", ""),
    ("authorization.k8s.io", "subjectaccessreviews", "", ""),
    ("authentication.k8s.io", "tokenreviews", "", ""),
)


@dataclass(frozen=True)
class Account:
    """Who asks; ``title`` is the word of the documentation."""

    title: str
    user: str
    groups: tuple[str, ...] = ()


def service_account(title: str, namespace: str, name: str) -> Account:
    groups = (
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    )
    return Account(title, f"system:serviceaccount:{namespace}:{name}", groups)


@dataclass(frozen=True)
class Question:
    account: Account
    namespace: str
    resource: tuple[str, str, str, str]
    verb: str

    def review(self) -> dict[str, Any]:
        group, resource, subresource, name = self.resource
        attributes = {
            "namespace": self.namespace,
            "verb": self.verb,
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "name": name,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {
                "user": self.account.user,
                "groups": list(self.account.groups),
                "resourceAttributes": attributes,
            },
        }


def questions(accounts: Iterable[Account], namespaces: Iterable[str]) -> Iterator[Question]:
    """Every verb on every resource; the cluster's resources in no namespace."""
    for account, namespace in itertools.product(accounts, namespaces):
        for resource, verb in itertools.product(RESOURCES, VERBS):
            yield Question(account, namespace, resource, verb)
    for account in accounts:
        for resource, verb in itertools.product(CLUSTER_RESOURCES, VERBS):
            yield Question(account, "", resource, verb)


def allowed(plane: ControlPlane, asked: Iterable[Question]) -> set[Question]:
    """The questions that the API server answers with yes."""
    # kubectl would send fifty a second.
    api: Any = client.AuthorizationV1Api(config.new_client_from_config(str(plane.kubeconfig)))

    def ask(question: Question) -> Question | None:
        review = api.create_subject_access_review(question.review())
        return question if review.status.allowed else None

    with ThreadPoolExecutor(4) as threads:
        return {one for one in threads.map(ask, asked) if one is not None}


def table(
    accounts: Iterable[Account], namespaces: dict[str, str], found: set[Question]
) -> list[str]:
    """Rows of Markdown. ``namespaces`` says what each one stands for.

    A right to one object that the account has to all of them is not repeated.
    """
    rows = ["| Account | Where | May |", "|---|---|---|"]
    for account in accounts:
        for namespace, place in {**namespaces, "": "cluster"}.items():
            rights: dict[tuple[str, str, str, str], list[str]] = {}
            for resource, verb in itertools.product((*RESOURCES, *CLUSTER_RESOURCES), VERBS):
                if Question(account, namespace, resource, verb) not in found:
                    continue
                every = Question(account, namespace, (*resource[:3], ""), verb)
                if not resource[3] or every not in found:
                    rights.setdefault(resource, []).append(verb)
            told = "; ".join(f"{_name(each)}: {', '.join(verbs)}" for each, verbs in rights.items())
            rows.append(f"| {account.title} | {place} | {told or 'nothing'} |")
    return rows


def _name(resource: tuple[str, str, str, str]) -> str:
    _, plural, subresource, name = resource
    return f"`{plural}{'/' if subresource else ''}{subresource}{f' {name}' if name else ''}`"
