"""The operator as a process against a real API server and a real Job controller."""

from __future__ import annotations

import time

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.job import ExitCode, RunnerMessage, Step, Totals
from imagebatch_core.names import ANNOTATION_IMAGES, ANNOTATION_WAITS, API_VERSION, KIND
from integration.operator.driver import CSV, NAMESPACE, Api, Operator, Receiver, eventually

PLANNED = RunnerMessage(step=Step.PLAN, products=2, images=4, shards=2)
COLLECTED = RunnerMessage(
    step=Step.COLLECT,
    totals=Totals(succeeded=3, failed=1, bytes_in=1000, bytes_out=387),
    report_key="shop/x/report.csv",
    report_sha256="ab" * 32,
)


def job_name(job: dict[str, dict[str, str]]) -> str:
    return job["metadata"]["name"]


def test_an_inline_batch_gets_a_plan_job_and_conditions_and_a_kill_changes_nothing(
    api: Api, operator: Operator
) -> None:
    api.batch("killed")
    job = api.job("killed", "plan")
    eventually(lambda: api.phase("killed") == "Processing", "Processing")
    pod = eventually(
        lambda: api.find("pods", f"batch.kubernetes.io/job-name={job_name(job)}"), "its pod"
    )[0]
    source = api.get("configmap", pod["spec"]["volumes"][1]["configMap"]["name"])
    assert "Lamp" in source["data"]["products.csv"]
    [mounted] = [v["secret"] for v in pod["spec"]["volumes"] if "secret" in v]
    assert mounted == {"secretName": "image-hosts", "defaultMode": 0o440}
    assert api.condition("killed", "Accepted")["status"] == "True"
    assert api.condition("killed", "Reconciling")["reason"] == "Planning"
    time.sleep(2)
    before = api.get("imagebatch", "killed")
    assert "finalizers" not in before["metadata"]
    kopf_marks = [a for a in before["metadata"].get("annotations", {}) if "kopf" in a]
    assert kopf_marks == []
    operator.kill()
    operator.start()
    time.sleep(5)
    after = api.get("imagebatch", "killed")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert api.job("killed", "plan")["metadata"]["uid"] == job["metadata"]["uid"]
    api.patch("killed", cancel=True)
    eventually(lambda: api.phase("killed") == "Cancelled", "Cancelled")
    api.job_gone(job_name(job))


def test_the_end_of_a_plan_pod_is_acted_on_before_its_job_ends(
    api: Api, operator: Operator
) -> None:
    api.batch("early", imagesPerShard=2)
    plan = job_name(api.job("early", "plan"))
    eventually(lambda: api.pods(plan), "its pod")
    with api.plane.controllers_paused():  # so that the Job cannot end
        api.finish_pods(plan, PLANNED)
        shards = job_name(api.job("early", "compress-0"))
        assert not api.get("job", plan)["status"].get("conditions")
        assert api.get("imagebatch", "early")["status"]["products"] == 2
    api.patch("early", cancel=True)
    api.job_gone(shards)


def test_shards_start_beside_plan_where_the_images_were_counted(
    api: Api, operator: Operator
) -> None:
    """And once more where they were counted wrong."""
    for name, counted in (("counted", 4), ("miscounted", 6)):
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {ANNOTATION_IMAGES: str(counted)},
        }
        spec = {"source": {"inline": CSV}, "imagesPerShard": 2}
        api.apply({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})
        plan = job_name(api.job(name, "plan"))
        eventually(lambda plan=plan: api.pods(plan), "its pod")
        assert not api.find("jobs", f"imagebatch.dev/batch={name},imagebatch.dev/step=compress-0")
        api.begin_pods(plan)
        early = api.job(name, "compress-0")
        assert early["spec"]["completions"] == counted // 2
        assert early["metadata"]["annotations"][ANNOTATION_WAITS] == "true"
        assert api.condition(name, "Reconciling")["reason"] == "Planning"
        operator.kill()
        operator.start()
        api.finish_pods(plan, PLANNED, running=True)
        eventually(
            lambda name=name: api.condition(name, "Reconciling")["reason"] == "Compressing",
            "the shards are known",
        )
        if counted == 4:
            api.finish_pods(job_name(early), count=2)
        else:
            api.job_gone(job_name(early))
            api.finish_pods(job_name(api.job(name, "compress-0", run=2)), count=2)
        api.finish_pods(job_name(api.job(name, "collect")), COLLECTED)
        eventually(lambda name=name: api.phase(name) == "Completed", "Completed")


def test_a_batch_goes_through_plan_shards_and_collect_to_a_verified_webhook(
    api: Api, operator: Operator, receiver: Receiver
) -> None:
    api.batch("whole", imagesPerShard=2, webhook={"url": receiver.url})
    api.finish_pods(job_name(api.job("whole", "plan")), PLANNED)
    shards = api.job("whole", "compress-0")
    operator.kill()
    operator.start()
    api.finish_pods(job_name(shards), count=2)
    with pytest.raises(Exception, match="timed out"):
        api.kubectl("wait", "--for=condition=Finished", "imagebatch/whole", "--timeout=1s")
    eventually(
        lambda: api.get("imagebatch", "whole")["status"]["shards"]["done"] == 2, "both shards"
    )
    api.finish_pods(job_name(api.job("whole", "collect")), COLLECTED)
    api.kubectl("wait", "--for=condition=Finished", "imagebatch/whole", "--timeout=30s")
    event_id, event = eventually(lambda: receiver.event_of("whole"), "the webhook")
    assert event["type"] == "imagebatch.completed"
    assert event["data"]["images"]["failed"] == 1
    assert event["data"]["downloadUrl"] == "http://gateway.example/api/download/whole"
    assert receiver.refusals == []
    eventually(lambda: api.condition("whole", "WebhookDelivered").get("status") == "True", "told")
    status = api.get("imagebatch", "whole")["status"]
    assert status["webhook"]["eventId"] == event_id
    assert (status["phase"], status["saved"]) == ("Completed", "61.3%")
    assert status["images"]["done"] == 4
    eventually(lambda: not api.find("jobs", "imagebatch.dev/batch=whole"), "child Jobs deleted")
    assert "61.3%" in api.kubectl("get", "imagebatches")


def test_a_refused_csv_fails_the_batch_without_waiting_for_the_jobs_retries(
    api: Api, operator: Operator
) -> None:
    api.batch("refused")
    message = RunnerMessage(step=Step.PLAN, error="line 1: no column 'Product Name'")
    api.finish_pods(job_name(api.job("refused", "plan")), message, code=2)
    api.kubectl("wait", "--for=condition=Finished", "imagebatch/refused", "--timeout=15s")
    assert api.phase("refused") == "Failed"
    succeeded = api.condition("refused", "Succeeded")
    assert (succeeded["reason"], succeeded["message"]) == ("InputRefused", message.error)
    assert operator.healthy()


def test_a_store_that_refuses_stalls_the_batch_which_goes_on_once_it_is_mended(
    api: Api, operator: Operator
) -> None:
    def stalled() -> bool:
        found = api.condition("stuck", "Stalled")
        return (found.get("status"), found.get("reason")) == ("True", "ConfigurationRefused")

    def refused(step: Step) -> RunnerMessage:
        return RunnerMessage(step=step, error=f"the object store refuses access to {step}")

    api.batch("stuck", imagesPerShard=2, parallelism=1)
    plan = job_name(api.job("stuck", "plan"))
    api.finish_pods(plan, refused(Step.PLAN), code=3)
    eventually(stalled, "Stalled by plan")
    assert api.condition("stuck", "Reconciling")["message"] == refused(Step.PLAN).error
    api.job_gone(plan)
    api.finish_pods(job_name(api.job("stuck", "plan", run=2)), PLANNED)

    shards = job_name(api.job("stuck", "compress-0"))
    assert not stalled()
    api.finish_pods(shards, refused(Step.COMPRESS), code=3)
    eventually(lambda: api.condition("stuck", "Reconciling")["reason"] == "Retrying", "Retrying")
    api.finish_pods(shards, refused(Step.COMPRESS), code=3)
    eventually(stalled, "Stalled by the shards, which were refused again")
    assert api.phase("stuck") == "Processing"
    api.job_gone(shards)
    api.finish_pods(job_name(api.job("stuck", "compress-0", run=2)), count=2)
    api.finish_pods(job_name(api.job("stuck", "collect")), COLLECTED)
    eventually(lambda: api.phase("stuck") == "Completed", "Completed")
    told = [(e["type"], e["reason"]) for e in api.events("stuck")]
    assert told.count(("Warning", "ConfigurationRefused")) == 2
    assert operator.healthy()


def test_suspend_and_parallelism_reach_the_running_job(api: Api, operator: Operator) -> None:
    api.batch("elastic", imagesPerShard=2, parallelism=1)
    api.finish_pods(job_name(api.job("elastic", "plan")), PLANNED)
    shards = job_name(api.job("elastic", "compress-0"))
    api.patch("elastic", parallelism=2)
    eventually(lambda: api.get("job", shards)["spec"]["parallelism"] == 2, "parallelism 2")
    api.patch("elastic", suspend=True)
    eventually(lambda: api.get("job", shards)["spec"]["suspend"], "suspended")
    eventually(lambda: api.phase("elastic") == "Suspended", "Suspended")
    api.patch("elastic", suspend=False)
    eventually(lambda: not api.get("job", shards)["spec"]["suspend"], "resumed")
    eventually(lambda: api.phase("elastic") == "Processing", "Processing")
    api.kubectl("delete", "imagebatch", "elastic")
    eventually(
        lambda: not api.find("jobs,pods,configmaps", "imagebatch.dev/batch=elastic"),
        "everything of a deleted batch is gone",
    )
    assert operator.healthy()


def test_storage_that_comes_later_heals_the_batch(api: Api, operator: Operator) -> None:
    api.kubectl("delete", "configmap", "imagebatch-runner")
    api.batch("healed")
    eventually(
        lambda: api.condition("healed", "Accepted").get("reason") == "StorageNotConfigured", "said"
    )
    store = "--from-literal=IMAGEBATCH_STORE=s3://pictures/team"
    api.kubectl("create", "configmap", "imagebatch-runner", store)
    api.job("healed", "plan")
    assert api.condition("healed", "Accepted")["status"] == "True"
    assert operator.healthy()


def test_a_crd_older_than_the_operator_is_told_before_anything_is_lost(
    api: Api, operator: Operator
) -> None:
    operator.terminate()
    crd = custom_resource_definition()
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    del status["properties"]["reuse"]
    del status["properties"]["runs"]["properties"]["lost"]
    try:
        api.apply(crd)
        eventually(lambda: not _serves(api, "lost"), "the older schema")
        operator.begin()
        assert operator.wait() == ExitCode.CONFIGURATION_REFUSED
        last = operator.log().splitlines()[-1]
        assert "would drop status.runs.lost, status.reuse." in last
        assert "deploy/crds/imagebatches.yaml" in last
        assert not api.get("lease", "imagebatch-operator")["spec"].get("holderIdentity")
    finally:
        api.apply(custom_resource_definition())
        eventually(lambda: _serves(api, "lost"), "the present schema")
    operator.start()


def _serves(api: Api, field: str) -> bool:
    return f'"{field}"' in api.kubectl("get", "--raw", f"/openapi/v3/apis/{API_VERSION}")


def test_sigterm_ends_the_process_and_gives_the_lease_back(api: Api, operator: Operator) -> None:
    assert api.get("lease", "imagebatch-operator")["spec"]["holderIdentity"]
    assert operator.terminate() == 0
    assert not api.get("lease", "imagebatch-operator")["spec"].get("holderIdentity")


def test_cancel_waits_for_the_pods_then_collects_what_they_recorded(
    api: Api, operator: Operator, receiver: Receiver
) -> None:
    api.batch("stopped", imagesPerShard=2, parallelism=1, webhook={"url": receiver.url})
    api.finish_pods(job_name(api.job("stopped", "plan")), PLANNED)
    shards = job_name(api.job("stopped", "compress-0"))
    pod = eventually(lambda: api.pods(shards), "a pod of the shards")[0]["metadata"]["name"]
    held = '{"metadata":{"finalizers":["test.example/records-results"]}}'
    api.kubectl("patch", "pod", pod, "--type=merge", "-p", held)
    api.patch("stopped", cancel=True)
    eventually(lambda: "deletionTimestamp" in api.get("pod", pod)["metadata"], "its pods stop")
    time.sleep(3)
    assert api.find("jobs", "imagebatch.dev/batch=stopped,imagebatch.dev/step=collect") == []
    assert api.phase("stopped") == "Processing"
    api.kubectl("patch", "pod", pod, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    api.job_gone(shards)
    api.finish_pods(job_name(api.job("stopped", "collect")), COLLECTED)
    _, event = eventually(lambda: receiver.event_of("stopped"), "the webhook")
    assert event["type"] == "imagebatch.cancelled"
    assert event["data"]["images"]["succeeded"] == 3
    assert event["data"]["downloadUrl"] == "http://gateway.example/api/download/stopped"


def test_a_confirmed_batch_tells_that_it_is_planned_then_its_end_and_that_once_more_when_asked(
    api: Api, operator: Operator, receiver: Receiver
) -> None:
    def events() -> list[tuple[str, str]]:
        found = [e for e in receiver.events if e[1]["data"]["requestId"] == "confirmed"]
        return [(event_id, str(event["type"])) for event_id, event in found]

    api.batch("confirmed", imagesPerShard=2, suspendAfter="Plan", webhook={"url": receiver.url})
    api.finish_pods(job_name(api.job("confirmed", "plan")), PLANNED)
    eventually(lambda: api.phase("confirmed") == "Suspended", "Suspended")
    assert api.condition("confirmed", "Suspended")["reason"] == "AwaitingConfirmation"
    eventually(lambda: len(events()) == 1, "the event that it is planned")
    assert events()[0][1] == "imagebatch.planned"
    eventually(
        lambda: api.condition("confirmed", "WebhookDelivered").get("status") == "True", "told"
    )
    api.patch("confirmed", suspendAfter=None)
    api.finish_pods(job_name(api.job("confirmed", "compress-0")), count=2)
    api.finish_pods(job_name(api.job("confirmed", "collect")), COLLECTED)
    eventually(lambda: len(events()) == 2, "the event of its end")
    end = events()[1]
    assert end[1] == "imagebatch.completed"
    assert end[0] != events()[0][0]
    eventually(
        lambda: api.condition("confirmed", "WebhookDelivered").get("status") == "True", "told"
    )
    api.kubectl("annotate", "imagebatch", "confirmed", "imagebatch.dev/replay-webhook=again")
    eventually(lambda: len(events()) == 3, "the replay")
    assert events()[2] == end
    assert receiver.refusals == []
