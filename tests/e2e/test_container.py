"""The image, built and run for real: small, not root, healthy, right, and quick to go when it is told to."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile import wires
from tests.hostile.run import cases, failures, listed
from tests.inprocess import InProcess

pytestmark = pytest.mark.container

ROOT = Path(__file__).parents[2]
DOCKER = os.environ.get("LOSSGRID_TEST_DOCKER", "docker")
IMAGE = "lossgrid-under-test"
LARGEST_MEGABYTES = 300
SECONDS_TO_STOP = 8

LOCKED_DOWN = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m")


def run(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [DOCKER, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603 - ours


def docker(*arguments: str, timeout: float = 60) -> str:
    """Return what a docker command prints; fail with all it said where it does not succeed."""
    done = run(*arguments, timeout=timeout)
    if done.returncode:
        pytest.fail(f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def inspected(name: str) -> dict[str, Any]:
    (found,) = json.loads(docker("inspect", name))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    try:
        answers = run("info").returncode == 0
    except OSError:
        answers = False
    if not answers and "container" in os.environ.get("LOSSGRID_TEST_REQUIRE", ""):
        pytest.fail(f"LOSSGRID_TEST_REQUIRE asks for the container, but no engine answers `{DOCKER} info`")
    if not answers:
        pytest.skip(f"no Docker engine answers `{DOCKER} info`")


@pytest.fixture(scope="module")
def image() -> Iterator[None]:
    """Build the image that a_container runs."""
    # --network host: the build fetches the locked requirements the way this machine does.
    docker("build", "--network=host", f"--tag={IMAGE}", ".", timeout=900)
    yield
    docker("image", "rm", "--force", IMAGE)


@contextmanager
def a_container(*options: str) -> Iterator[str]:
    """Run the image in the background until the end of the block; the value is the container's id."""
    container = docker("run", "--detach", "--publish=127.0.0.1::8000", "--health-interval=1s", *options, IMAGE)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def address(container: str) -> str:
    return f"http://{docker('port', container, '8000/tcp').splitlines()[0]}"


def wait_until_healthy(container: str, seconds: float = 30) -> None:
    """Return when the image's own health check has said so; fail with the log where it does not."""
    deadline = time.monotonic() + seconds
    while (state := inspected(container)["State"])["Health"]["Status"] != "healthy":
        if not state["Running"] or time.monotonic() > deadline:
            log = run("logs", container)
            pytest.fail(f"not healthy: {state}\n{log.stdout}\n{log.stderr}")
        time.sleep(0.2)


@pytest.fixture(scope="module", params=[(), LOCKED_DOWN], ids=["as in the README", "locked down"])
def container(image: None, request: pytest.FixtureRequest) -> Iterator[str]:  # noqa: ARG001 - built before it is run
    with a_container(*request.param) as running:
        wait_until_healthy(running)
        yield running


def test_it_answers_as_the_same_code_does_here(container: str, client: InProcess) -> None:
    body = json.loads((ROOT / "samples/digits_vae.json").read_bytes()) | {"include": ["gradients", "collapse"]}
    content = json.dumps(body).encode()
    answer = httpx.post(
        f"{address(container)}/loss", content=content, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == client.raw(content).json()


@pytest.mark.usefixtures("image")
def test_it_stands_the_hostile_corpus() -> None:
    with a_container(*LOCKED_DOWN) as running:
        wait_until_healthy(running)
        url = address(running)
        found = [f"{case.name}: {complaint}" for case, complaint in failures(url, cases())] + wires.failures(url)
        assert not found, listed(found)
        state = inspected(running)["State"]
        assert state["Running"]
        assert not state["OOMKilled"]
        log = run("logs", running)
    assert not re.search(r"Traceback|ERROR|CRITICAL", log.stdout + log.stderr), log


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/problems", "/losses", "/readyz"])
def test_pages_and_documents_are_in_the_image(container: str, path: str) -> None:
    assert httpx.get(f"{address(container)}{path}", timeout=30).status_code == 200


def test_it_is_not_root_and_can_write_nothing_of_its_own(container: str) -> None:
    assert docker("exec", container, "id", "-u") == "10001"
    refused = run("exec", container, "touch", "app/planted.py", "/venv/planted")
    assert refused.returncode != 0
    assert docker("diff", container) == ""


@pytest.mark.usefixtures("image")
def test_it_ends_in_time_with_a_clean_log() -> None:
    with a_container(*LOCKED_DOWN, "--env=LOSSGRID_RATE_PER_MINUTE=600") as running:
        wait_until_healthy(running)
        with httpx.Client(base_url=address(running)) as client:  # its idle connection is open while the service ends
            assert client.get("/losses").status_code == 200
            assert seconds_to_stop(running) < SECONDS_TO_STOP
        log = run("logs", running)
    assert not re.search(r"Traceback|WARNING|ERROR|CRITICAL", log.stdout + log.stderr), log


def test_the_log_warns_that_everybody_may_ask_without_a_bound(container: str) -> None:
    log = run("logs", container)
    assert (log.stdout + log.stderr).count("WARNING") == 1
    assert "neither LOSSGRID_TOKENS_FILE nor LOSSGRID_RATE_PER_MINUTE is set" in log.stderr


@pytest.mark.usefixtures("image")
def test_it_ends_in_time_while_it_is_still_starting() -> None:
    # To process 1 the kernel does not even deliver a signal that it has no handler for. A tenth of a core makes the
    # start last for seconds.
    with a_container("--cpus=0.1") as running:
        time.sleep(1.5)
        assert run("logs", running).stdout == "", "it has started already: nothing is shown by ending it now"
        assert seconds_to_stop(running) < SECONDS_TO_STOP


def seconds_to_stop(running: str) -> float:
    """Stop a container as Docker does; fail where it had to be killed or ended in trouble."""
    began = time.monotonic()
    docker("stop", f"--time={SECONDS_TO_STOP + 5}", running)
    took = time.monotonic() - began
    state = inspected(running)["State"]
    assert state["ExitCode"] == 0, (state, run("logs", running))
    assert not state["OOMKilled"]
    return took


@pytest.mark.usefixtures("image")
def test_behind_a_prefix_and_on_another_port_it_is_healthy_too() -> None:
    with a_container("--env=LOSSGRID_ROOT_PATH=/loss", "--env=LOSSGRID_PORT=8080") as running:
        wait_until_healthy(running)
        assert inspected(running)["State"]["Health"]["Log"][-1]["Output"] == ""


def test_the_health_check_notices_a_service_that_does_not_answer(container: str) -> None:
    (_, *check) = inspected(IMAGE)["Config"]["Healthcheck"]["Test"]
    assert run("exec", container, *check).returncode == 0
    assert run("exec", "--env=LOSSGRID_PORT=1", container, *check).returncode == 1


@pytest.mark.usefixtures("image")
def test_a_setting_that_does_not_exist_stops_the_start() -> None:
    done = run("run", "--rm", "--env=LOSSGRID_PROT=80", IMAGE)
    assert done.returncode == 2
    assert "LOSSGRID_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("image")
def test_it_has_as_many_threads_as_it_may_use_cores() -> None:
    with a_container("--cpus=1") as running:
        wait_until_healthy(running)
        rows = {row["name"]: row["value"] for row in httpx.get(f"{address(running)}/limits").json()}
    assert (rows["computing_threads"], rows["engine_threads"]) == (1, 1)


@pytest.mark.usefixtures("image")
def test_it_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    megabytes = (inspected(IMAGE)["Size"] - inspected(base)["Size"]) / 1e6
    with capsys.disabled():
        sys.stdout.write(f"\nthe image is {megabytes:.0f} MB larger than its base\n")
    assert megabytes < LARGEST_MEGABYTES


@pytest.mark.usefixtures("image")
def test_the_image_says_what_it_is() -> None:
    said = inspected(IMAGE)["Config"]
    assert said["User"] == "10001:10001"
    assert said["StopSignal"] == "SIGTERM"
    assert said["Cmd"][0] == "python"
    assert list(said["ExposedPorts"]) == ["8000/tcp"]
    assert said["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert said["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
