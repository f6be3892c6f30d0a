"""kcat, over an old librdkafka: what people have at hand when they look into a log."""

import json
import shutil
import subprocess

import pytest

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed"),
]


def kcat(address: str, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["kcat", "-b", address, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lines_are_produced_and_consumed_with_their_keys(address: str, name: str) -> None:
    lines = "".join(f"k{number}:v{number}\n" for number in range(100))
    kcat(address, "-P", "-t", name, "-K", ":", "-z", "gzip", stdin=lines)
    out = kcat(address, "-C", "-t", name, "-e", "-q", "-K", ":")
    assert sorted(out.splitlines()) == sorted(lines.splitlines())


def test_a_group_consumes_all_partitions(address: str, name: str) -> None:
    lines = "".join(f"k{number}:v{number}\n" for number in range(100))
    kcat(address, "-P", "-t", name, "-K", ":", stdin=lines)
    out = kcat(address, "-G", name, "-c", "100", "-q", "-X", "auto.offset.reset=earliest", name)
    assert len(out.splitlines()) == 100


def test_topics_are_listed(address: str, name: str) -> None:
    kcat(address, "-P", "-t", name, stdin="x\n")
    told = json.loads(kcat(address, "-L", "-J"))
    assert name in [topic["topic"] for topic in told["topics"]]
