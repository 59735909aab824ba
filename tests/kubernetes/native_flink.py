"""Submits a rendered FlinkDeployment in native mode, as its operator does: by Flink's own client, in a pod.

A translator of what the chart asks for into the options of `flink run`; of the operator it proves nothing.
"""

import json

import yaml

from tests.kubernetes.rendering import flink_pod_template

ACCOUNT = "flink-submitter"
TEMPLATES = "/templates"
# These are for the operator, not for Flink.
OF_OPERATOR = ("kubernetes.operator.", "job.autoscaler.")
MANAGERS = {"jobManager": "jobmanager", "taskManager": "taskmanager"}


def submission(deployment, namespace):
    """What submits it: an account with rights, the pods' templates, and a Job that runs Flink's client."""
    name, spec = deployment["metadata"]["name"], deployment["spec"]
    submitter = f"{name}-submit"
    templates = {
        f"{part}.yaml": yaml.safe_dump(flink_pod_template(spec, manager))
        for manager, part in MANAGERS.items()
    }
    client = _client(spec, submitter, options(name, namespace, spec))
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": submitter}, "data": templates},
        {
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": submitter},
            "spec": {"backoffLimit": 0, "template": {"spec": client}},
        },
    ]  # fmt: skip


def options(name, namespace, spec):
    """Flink's options for it: its own, and what the operator makes of its other fields."""
    own = {key: each for key, each in spec["flinkConfiguration"].items() if not key.startswith(OF_OPERATOR)}
    managers = {}
    for manager, part in MANAGERS.items():
        resource = spec[manager]["resource"]
        managers |= {
            f"{part}.memory.process.size": resource["memory"],
            f"kubernetes.{part}.cpu.amount": resource["cpu"],
            f"kubernetes.pod-template-file.{part}": f"{TEMPLATES}/{part}.yaml",
        }
    return own | managers | {
        "kubernetes.cluster-id": name,
        "kubernetes.namespace": namespace,
        "kubernetes.container.image.ref": spec["image"],
        "kubernetes.container.image.pull-policy": spec["imagePullPolicy"],
        "kubernetes.service-account": spec["serviceAccount"],
        "parallelism.default": spec["job"]["parallelism"],
    }  # fmt: skip


def _client(spec, templates, given):
    (container,) = spec["podTemplate"]["spec"]["containers"]
    run = ["flink", "run", "-t", "kubernetes-application"]
    return {
        "serviceAccountName": ACCOUNT,
        "restartPolicy": "Never",
        "securityContext": spec["podTemplate"]["spec"]["securityContext"],
        "containers": [
            {
                "name": "flink",
                "image": spec["image"],
                # It lives for seconds: what Java would optimise is over by then.
                "env": [{"name": "JVM_ARGS", "value": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}],
                "args": [*run, *(f"-D{key}={value}" for key, value in given.items()), *spec["job"]["args"]],
                "securityContext": container["securityContext"],
                "volumeMounts": [
                    {"name": "templates", "mountPath": TEMPLATES},
                    {"name": "tmp", "mountPath": "/tmp"},
                ],
            }
        ],
        "volumes": [
            {"name": "templates", "configMap": {"name": templates}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def submit(cluster, namespace, deployment, *, limit_s=180):
    """Submit it, again where it was before; ends when Flink's client has."""
    name = f"{deployment['metadata']['name']}-submit"
    cluster.kubectl("delete", "job", name, "-n", namespace, "--ignore-not-found", "--wait")
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": submission(deployment, namespace)})
    ended = cluster.kubectl("apply", "-n", namespace, "--server-side", "-f", "-", text=text)
    assert ended.returncode == 0, ended.stderr
    ended = cluster.kubectl(
        "wait", f"job/{name}", "-n", namespace, "--for=condition=Complete", f"--timeout={limit_s}s",
        limit_s=limit_s + 10,
    )  # fmt: skip
    assert ended.returncode == 0, cluster.kubectl("logs", f"job/{name}", "-n", namespace).stdout[-3000:]
