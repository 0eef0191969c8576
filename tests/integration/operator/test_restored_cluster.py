"""etcd is restored from a backup while the operator runs: resource versions go back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from imagebatch_core.job import ExitCode
from integration.operator.driver import NAMESPACE, Operator, eventually, prepared
from support.apiserver import with_imagebatches


def test_after_a_restore_the_operator_starts_anew_and_goes_on(
    operators: Callable[..., Operator], tmp_path: Path
) -> None:
    with with_imagebatches(NAMESPACE, controller_manager=True) as plane:
        api = prepared(plane)
        operator = operators(
            KUBECONFIG=str(plane.kubeconfig),
            # It would not outlive the restore with one: the Lease is lost after 10 s.
            IMAGEBATCH_LEASE_NAMESPACE="",
            IMAGEBATCH_RESYNC_SECONDS="20",
        )
        operator.start()
        api.batch("kept", suspend=True)
        eventually(lambda: api.phase("kept") == "Suspended", "Suspended")
        with plane.stopped() as data:
            shutil.copytree(data, tmp_path / "backup")
        for parallelism in range(5, 15):
            api.patch("kept", parallelism=parallelism)
        generation = api.get("imagebatch", "kept")["metadata"]["generation"]
        eventually(
            lambda: api.get("imagebatch", "kept")["status"]["observedGeneration"] == generation,
            "what is lost by the restore was seen",
        )
        with plane.stopped() as data:
            shutil.rmtree(data)
            shutil.copytree(tmp_path / "backup", data)
        assert operator.wait() == ExitCode.FAULT
        assert operator.logged("the cluster was restored")
        # As its container does.
        operator.start()
        api.patch("kept", suspend=False)
        api.job("kept", "plan")
        operator.stop()
