"""`hailstream users` against a running broker and in a stopped one's folder; logging in as them."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from groundwork.real.clocks import SystemClock
from streamcore.client import connect
from streamcore.client.api import LogError, LogSettings, TopicName, TopicSpec
from streamcore.client.connecting import ENGINES
from streamcore.commands.app import app
from tests.support.broker_process import BrokerProcess
from tests.support.certificates import Certificates, make_certificates

pytestmark = pytest.mark.integration

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(
    tmp_path_factory: pytest.TempPathFactory, files: Certificates
) -> Iterator[BrokerProcess]:
    data_dir: Path = tmp_path_factory.mktemp("users") / "broker"
    process = BrokerProcess(data_dir, ssl_certificate_location=files.server)
    with process.listening_too("SSL", "SASL_PLAINTEXT", "SASL_SSL") as broker:
        run("users", "add", "keeper", *at(broker), said=PASSWORD)
        yield broker


def run(*arguments: str, said: str = "", fails: bool = False) -> str:
    result = CliRunner().invoke(app, arguments, input=said)
    assert result.exit_code == (1 if fails else 0), result.output
    return result.output


def at(broker: BrokerProcess) -> tuple[str, str]:
    return "--bootstrap-servers", broker.address


def config_file(folder: Path, **keys: object) -> Path:
    path = folder / "client.properties"
    path.write_text("".join(f"{key.replace('_', '.')}={value}\n" for key, value in keys.items()))
    return path


def login(
    folder: Path,
    files: Certificates,
    *,
    protocol: str = "SASL_SSL",
    mechanism: str = "SCRAM-SHA-512",
    user: str = "keeper",
    password: str = PASSWORD,
) -> Path:
    return config_file(
        folder,
        security_protocol=protocol,
        sasl_mechanism=mechanism,
        sasl_username=user,
        sasl_password=password,
        ssl_ca_location=files.ca,
    )


@pytest.mark.parametrize("where", ["running", "stopped"])
def test_users_are_added_listed_changed_and_removed(
    broker: BrokerProcess, tmp_path: Path, where: str
) -> None:
    place = at(broker) if where == "running" else ("--data-dir", str(tmp_path / "data"))
    password = tmp_path / "password"
    password.write_text("first\nnot this line")
    given = ("--password-file", str(password))
    assert run("users", "add", "ann", *given, *place) == "added ann\n"
    assert "exists already" in run("users", "add", "ann", *given, *place, fails=True)
    one = ("--mechanism", "SCRAM-SHA-256", "--iterations", "8192")
    run("users", "add", "bo", *one, *place, said="from standard input")
    both = {"SCRAM-SHA-256": 4096, "SCRAM-SHA-512": 4096}
    assert listed(place) == {"ann": both, "bo": {"SCRAM-SHA-256": 8192}}
    run("users", "passwd", "ann", "--mechanism", "SCRAM-SHA-512", *given, *place)
    run("users", "passwd", "bo", *given, *place)
    assert listed(place) == {"ann": both, "bo": {"SCRAM-SHA-256": 4096}}
    run("users", "remove", "ann", "--mechanism", "SCRAM-SHA-256", *place)
    run("users", "remove", "bo", *place)
    assert listed(place) == {"ann": {"SCRAM-SHA-512": 4096}}
    assert re.search("ann +SCRAM-SHA-512=4096\n", run("users", "list", *place))
    run("users", "remove", "ann", *place)
    assert listed(place) == {}


def listed(place: tuple[str, str]) -> dict[str, dict[str, int]]:
    rows = json.loads(run("users", "list", "--json", *place))
    return {row["user"]: row["mechanisms"] for row in rows if row["user"] != "keeper"}


@pytest.mark.parametrize("where", ["running", "stopped"])
@pytest.mark.parametrize(
    ("arguments", "said", "why"),
    [
        (("passwd", "nobody"), "x", "no user 'nobody'"),
        (("remove", "nobody"), "", "no user 'nobody'"),
        (("add", "eve"), "", "the password is empty"),
        (("add", "eve", "--mechanism", "MD5"), "x", "'MD5' is not one of SCRAM-SHA-256"),
        (("add", "eve", "--iterations", "4095"), "x", "Too few iterations"),
        (("add", "eve", "--iterations", "16385"), "x", "Too many iterations"),
        (("add", "eve", "--password-file", "missing"), "", "missing: No such file"),
        (("add", ""), "x", "name of the user is empty"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_in_one_line(
    broker: BrokerProcess,
    tmp_path: Path,
    where: str,
    arguments: tuple[str, ...],
    said: str,
    why: str,
) -> None:
    place = at(broker) if where == "running" else ("--data-dir", str(tmp_path))
    out = run("users", *arguments, *place, said=said, fails=True)
    assert re.search(why, out)
    assert out.count("\n") == 1


def test_a_folder_that_a_broker_uses_is_left_alone(broker: BrokerProcess, tmp_path: Path) -> None:
    out = run("users", "list", "--data-dir", str(broker.data_dir), fails=True)
    assert "is in use by another broker: name it by --bootstrap-servers" in out
    missing = tmp_path / "typo"
    assert "no such folder" in run("users", "list", "--data-dir", str(missing), fails=True)
    assert not missing.exists()
    (tmp_path / "credentials.json").write_text("torn")
    out = run("users", "list", "--data-dir", str(tmp_path), fails=True)
    assert "credentials.json is not what was written" in out


def test_a_user_that_was_added_before_the_start_can_log_in(
    tmp_path: Path, files: Certificates
) -> None:
    data_dir = tmp_path / "broker"
    run("users", "add", "keeper", "--data-dir", str(data_dir), said=PASSWORD)
    with BrokerProcess(data_dir).listening_too("SASL_PLAINTEXT") as broker:
        config = login(tmp_path, files, protocol="SASL_PLAINTEXT", mechanism="PLAIN")
        secured = ("--bootstrap-servers", broker.addresses["SASL_PLAINTEXT"])
        assert "keeper" in run("users", "list", *secured, "--command-config", str(config))


def test_the_password_is_asked_for_twice_at_a_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamcore.commands", "users", "add", "ann"]
    command += ["--data-dir", str(tmp_path / "data")]
    for answers, status, word in (("one two", 1, "not the same"), ("one one", 0, "added ann")):
        parent, child = pty.openpty()
        with subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, start_new_session=True
        ) as process:
            os.close(child)
            seen = b""
            for answer in answers.split():
                while not seen.rstrip().endswith((b"Password:", b"Again:")):
                    seen += os.read(parent, 1000)
                os.write(parent, answer.encode() + b"\n")
                seen = b""
            assert process.wait(20) == status
            assert word in os.read(parent, 1000).decode()
        os.close(parent)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_every_command_reaches_a_secured_broker(
    broker: BrokerProcess, files: Certificates, tmp_path: Path, protocol: str, mechanism: str
) -> None:
    config = login(tmp_path, files, protocol=protocol, mechanism=mechanism)
    secured = (
        *("--bootstrap-servers", broker.addresses[protocol]),
        *("--command-config", str(config)),
    )
    topic = f"{protocol}-{mechanism}"
    run("topics", "create", topic, *secured)
    assert topic in run("topics", "list", *secured)
    assert "leader" in run("topics", "describe", topic, "--json", *secured)
    reset = ("reset-offsets", "readers", "--topic", topic, "--to", "latest")
    assert "after" in run("groups", *reset, "--json", *secured)
    assert "readers" in run("groups", "list", *secured)
    assert "keeper" in run("users", "list", *secured)


def test_a_wrong_log_in_is_named(
    broker: BrokerProcess, files: Certificates, tmp_path: Path
) -> None:
    config = login(tmp_path, files, password="wrong")
    place = ("--bootstrap-servers", broker.addresses["SASL_SSL"], "--command-config", str(config))
    out = run("topics", "list", *place, fails=True)
    assert "wrong user name or password" in out
    config.write_text("sasl.mechanism=PLAIN\nsasl.kerberos.service.name=x\n")
    out = run("topics", "list", *place, fails=True)
    assert "client.properties: sasl.kerberos.service.name is not known here" in out


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", None])
async def test_both_engines_reach_a_secured_broker(
    broker: BrokerProcess,
    files: Certificates,
    tmp_path: Path,
    engine: str,
    mechanism: str | None,
) -> None:
    if mechanism is None:
        protocol = "SSL"
        config = config_file(tmp_path, security_protocol="SSL", ssl_ca_location=files.ca)
    else:
        protocol = "SASL_SSL"
        config = login(tmp_path, files, mechanism=mechanism)
    log = await connect(
        LogSettings(
            bootstrap_servers=broker.addresses[protocol],
            engine=engine,
            client_config=str(config),
        ),
        SystemClock(),
    )
    topic = TopicName(f"{engine}-{mechanism}")
    await log.admin.ensure_topics([TopicSpec(name=topic, partitions=2)])
    assert await log.admin.partition_count(topic) == 2
    await log.close()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"password": "wrong"}, "wrong user name or password"),
        ({"user": "mallory"}, "wrong user name or password"),
        ({"ca": "other"}, "(?i)certificate verify failed|self.signed|unable to get"),
    ],
    ids=["password", "user", "authority"],
)
async def test_both_engines_say_at_once_why_they_do_not_come_in(
    broker: BrokerProcess,
    files: Certificates,
    tmp_path: Path,
    engine: str,
    changed: dict[str, str],
    why: str,
) -> None:
    config = login(
        tmp_path,
        files,
        user=changed.get("user", "keeper"),
        password=changed.get("password", PASSWORD),
    )
    if "ca" in changed:
        config.write_text(config.read_text().replace(str(files.ca), str(files.other_ca)))
    settings = LogSettings(
        bootstrap_servers=broker.addresses["SASL_SSL"], engine=engine, client_config=str(config)
    )
    with pytest.raises(LogError, match=why) as caught:
        await connect(settings, SystemClock())
    assert not caught.value.retriable
    assert "wrong " + "horse" not in str(caught.value)
