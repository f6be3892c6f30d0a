"""kafka-python's own integration suite, from its sdist, against our broker."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.interop.brokers import own_broker
from tests.interop.matrix import suite_exclusions
from tests.support.clients.programs import Missing, kafka_python_sdist

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

# Which broker the suite shall take ours for: its newest versions are Kafka's of that release.
AS_VERSION = "4.4.0"
RUN_AT_LEAST = 45


@pytest.mark.feature("own-suite")
def test_kafka_pythons_own_suite_passes(client_name: str, tmp_path: Path) -> None:
    try:
        folder = kafka_python_sdist(version("kafka-python"))
    except Missing as error:
        pytest.skip(f"{client_name}: {error}")
    outcomes = tmp_path / "outcomes.xml"
    excluded = " or ".join(suite_exclusions())
    # The suite expects what its own brokers have: the number 0, and where they are by setting.
    settings = {"node_id": 0, "advertised_listeners": "127.0.0.1:0"}
    with own_broker(tmp_path / "broker", **settings) as broker:
        command = [sys.executable, "-m", "pytest", "test/integration", "-q", "-c", os.devnull]
        command += ["--rootdir", str(folder), "-p", "no:randomly", "-p", "no:cacheprovider"]
        command += ["-p", "no:xdist", "--timeout=60", "--timeout-method=signal"]
        command += ["-k", f"not ({excluded})", f"--junitxml={outcomes}", "--show-capture=no"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ
            | {
                "KAFKA_URI": f"kafka://{broker.address}",
                "KAFKA_VERSION": AS_VERSION,
                "KAFKA_ROOT": str(folder / "kafka-root"),
                "PYTHONPATH": str(folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:]
    (suite,) = ElementTree.parse(outcomes).getroot().iter("testsuite")
    assert int(suite.attrib["tests"]) - int(suite.attrib["skipped"]) >= RUN_AT_LEAST
