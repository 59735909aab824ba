"""Steps of a minikube of ours: the machine, our images on each of its nodes, and whether it is fit."""

from importlib.metadata import version

from luftstrom.deploy.platform import KUBERNETES, NAMESPACE, ROOT, Minikube
from luftstrom.deploy.steps import Step, applying, waiting

SERVICES = ("scraper", "collector", "app-predict", "live-page")
FLINK_IMAGE = "flink-jobs"


def tag() -> str:
    """The tag of our images: the project's version."""
    return version("luftstrom")


def minikube_steps(minikube: Minikube, profile: str) -> list[Step]:
    """The nodes, with volumes of a node on that node and a CNI that enforces policies."""
    size, command = minikube.size_by_profile[profile], ("minikube", "-p", minikube.profile)
    start = (
        *command, "start", f"--nodes={size.nodes}", f"--cpus={size.cpus}", f"--memory={size.memory_mib}m",
        f"--disk-size={minikube.disk_gib}g", f"--kubernetes-version={minikube.kubernetes_version}",
        f"--container-runtime={minikube.container_runtime}", f"--cni={minikube.cni}", "--wait=all",
    )  # fmt: skip
    default = '{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}'
    return [
        Step(name="minikube", command=start, limit_s=1800),
        *(Step(name=f"addon {each} off", command=(*command, "addons", "disable", each), limit_s=120)
          for each in minikube.addons_off),
        *(Step(name=f"addon {each} on", command=(*command, "addons", "enable", each), limit_s=300)
          for each in minikube.addons_on),
        Step(
            name="default storage class",
            command=("kubectl", "patch", "storageclass", minikube.storage_class, "-p", default),
            limit_s=60,
        ),
    ]  # fmt: skip


def image_names() -> list[str]:
    """Every image of ours."""
    return [f"luftstrom/{name}:{tag()}" for name in (*SERVICES, FLINK_IMAGE)]


def image_steps(minikube: Minikube) -> list[Step]:
    """Our images: built, loaded, and looked for on each node."""
    build = ("docker", "build", "-q", "--build-arg", f"VERSION={tag()}")
    builds = [
        Step(
            name=f"image {name}",
            command=(
                *build,
                "-f",
                f"{ROOT}/docker/{file}",
                *service,
                "-t",
                f"luftstrom/{name}:{tag()}",
                str(ROOT),
            ),
            limit_s=1800,
        )
        for name, file, service in (
            *((name, "Dockerfile", ("--build-arg", f"SERVICE={name}")) for name in SERVICES),
            (FLINK_IMAGE, "flink.Dockerfile", ()),
        )
    ]
    loads = [
        Step(
            name=f"load {name}",
            command=("minikube", "-p", minikube.profile, "image", "load", name),
            limit_s=900,
        )
        for name in image_names()
    ]
    return [*builds, *loads, _images_on_every_node(minikube)]


def _images_on_every_node(minikube: Minikube) -> Step:
    """It has loaded images onto some nodes only, and said nothing; here that is an error."""
    wanted = " ".join(image_names())
    script = (
        f"for node in $(minikube -p {minikube.profile} node list | cut -f1); do for image in {wanted}; do "
        f'minikube -p {minikube.profile} ssh -n "$node" -- sudo crictl inspecti -q "docker.io/$image" '
        '> /dev/null || { echo "$image is not on $node" >&2; exit 1; }; done; done'
    )
    return Step(name="images on every node", command=("sh", "-c", script), limit_s=600)


def check_steps() -> list[Step]:
    """Whether pods find names, and whether policies are enforced."""
    steps = []
    for name in ("dns", "policies"):
        job = f"luftstrom-check-{name}"
        manifest = (KUBERNETES / "checks" / f"{name}.yaml").read_text().replace("VERSION", tag())
        remove = ("kubectl", "-n", NAMESPACE, "delete", "job", job, "--ignore-not-found", "--wait")
        steps += [
            Step(name=f"check {name}: anew", command=remove, limit_s=60),
            applying(f"check {name}", manifest),
            waiting(
                f"check {name}: outcome", f"job/{job}", "condition=Complete", namespace=NAMESPACE, limit_s=150
            ),
        ]
    return steps
