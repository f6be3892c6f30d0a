"""A request that is refused leaves its connection open, and a line in the journal that says why."""

import logging
from collections import Counter
from struct import pack
from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Request
from streamcore.broker.refusals import EVERYDAY, FAULTS, api_name, error_words, peer_name
from streamcore.broker.sasl_connection import SaslConnection
from streamcore.broker.security.complaints import ALL_TOGETHER, WINDOW_MS, Complaints
from streamcore.broker.security.listeners import Listener, SecurityProtocol
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.errors_within import NAME_SHOWN, REASON_SHOWN, AnsweredError, place_of
from tests.support.bad_input import (
    GOOD,
    MESSAGE_BYTES_MAX,
    NOWHERE,
    SECRET,
    BadInput,
    codes_in,
    commit,
    fetch,
    new_topic,
    prepare,
    records,
)
from tests.support.bad_input_table import ALL, NO_TOPIC
from tests.support.broker_questions import NONE, code, topic_records
from tests.support.fuzzing.peers import KEPT_TOPIC, Bystander, Peer
from tests.support.fuzzing.requests import framed, head
from tests.support.kio_peer import request_bytes
from tests.support.simulated_broker import batch_of, simulated_broker

SETTINGS: dict[str, Any] = {"message_bytes_max": MESSAGE_BYTES_MAX, "auto_create_topics": False}
PEERS = "streamcore.broker.security.peer_journal"
ASKER = "10.0.0.66:7 (client id 'fuzz')"
BAD = [BadInput(line, sent) for line, sent in ALL.items()]


@pytest.fixture(autouse=True)
def hear_ordinary_lines_of_peers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=PEERS)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.line)
async def test_bad_input_gets_its_error_and_a_line_that_names_peer_and_reason(
    bad: BadInput, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker(**SETTINGS) as services:
        await prepare(services)
        peer = Peer(services, 7)
        answer = await peer.converse(services, bad.api, bad.version, **bad.fields(services))
        assert codes_in(answer) - {"NONE"} == {bad.error}
        assert lines(caplog) == [bad.said_of(ASKER)]
        assert not peer.is_closed


async def test_who_waits_for_a_topic_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with simulated_broker(**SETTINGS) as services:
        peer = Peer(services, 7)
        await peer.converse(services, ApiKey.METADATA, 9, topics=[{"name": "nowhere"}])
        asked = commit("nowhere")
        await peer.converse(services, ApiKey.OFFSET_COMMIT, 9, **asked)
        assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_the_table_has_all_that_the_broker_is_asked_to_refuse() -> None:
    refused = {bad.error for bad in BAD}
    assert refused <= {ErrorCode(error).name for error in FAULTS}
    named = "CORRUPT_MESSAGE INVALID_RECORD MESSAGE_TOO_LARGE OUT_OF_ORDER_SEQUENCE_NUMBER"
    named += " INVALID_PRODUCER_EPOCH FENCED_LEADER_EPOCH INVALID_CONFIG GROUP_ID_NOT_FOUND"
    named += " UNKNOWN_TOPIC_OR_PARTITION UNKNOWN_TOPIC_ID"
    assert refused >= set(named.split())


def test_every_error_code_is_either_a_fault_of_peers_or_everyday_life() -> None:
    assert not FAULTS.keys() & EVERYDAY
    assert FAULTS.keys() | EVERYDAY == set(ErrorCode)


def test_apis_are_called_in_the_journal_as_they_are_everywhere() -> None:
    for handler in REGISTRY.handlers:
        assert api_name(handler.api_key) == handler.name


async def test_a_version_that_only_newer_clients_know_is_refused_in_the_oldest_form(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker() as services:
        peer = Peer(services, 7)
        peer.send(framed(head(ApiKey.API_VERSIONS, 99, 1, flexible=True)))
        ((number, answer),) = peer.take_answers()
        assert (number, answer[:2]) == (1, pack(">h", ErrorCode.UNSUPPORTED_VERSION))
        (line,) = lines(caplog)
        assert line.startswith(f"refused ApiVersions v99 of {ASKER}: UNSUPPORTED_VERSION: ")


@pytest.mark.parametrize(
    ("api", "version", "fields"),
    [
        (ApiKey.HEARTBEAT, 3, {"group_id": "g", "generation_id": 1, "member_id": "gone"}),
        (ApiKey.FETCH, 7, {"session_id": 9, "session_epoch": 4}),
        (ApiKey.CREATE_TOPICS, 7, new_topic("t")),
    ],
    ids=["unknown member", "lost fetch session", "topic that is there"],
)
async def test_everyday_errors_are_no_lines(
    api: ApiKey, version: int, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker(**SETTINGS) as services:
        await prepare(services)
        answer = await Peer(services, 7).converse(services, api, version, **fields)
        (error,) = codes_in(answer) - {"NONE"}
        assert ErrorCode[error] in EVERYDAY
        assert lines(caplog) == []


async def test_who_reads_behind_the_end_of_a_log_is_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker(**SETTINGS) as services:
        await prepare(services)
        asked = fetch()
        asked["topics"][0]["partitions"][0]["fetch_offset"] = 99
        answer = await Peer(services, 7).converse(services, ApiKey.FETCH, 12, **asked)
        assert codes_in(answer) - {"NONE"} == {"OFFSET_OUT_OF_RANGE"}
        assert lines(caplog) == []


# -- not too many lines --


async def test_a_thousand_repetitions_are_one_line_and_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, **SETTINGS) as services:
        await prepare(services)
        for number in range(1000):
            peer = Peer(services, number + 2)
            await peer.converse(services, ApiKey.METADATA, 9, topics=[{"name": "nowhere"}])
            peer.lose()
        assert len(caplog.records) == 1
        clock.advance(WINDOW_MS)
        services.peer_journal.close_window()
        assert lines(caplog)[1:] == [
            "999 more lines about 1 hosts were left out (UNKNOWN_TOPIC_OR_PARTITION: 999)"
        ]
        await Peer(services, 7).converse(services, ApiKey.METADATA, 9, topics=[{"name": "nowhere"}])
        assert len(caplog.records) == 3, "the next minute it is said again"


async def test_a_thousand_different_refusals_are_bounded_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, peer_lines_per_minute=5, **SETTINGS) as services:
        peer = Peer(services, 7)
        for number in range(1000):
            asked = new_topic(f"t{number}", retention_ms="soon")
            await peer.converse(services, ApiKey.CREATE_TOPICS, 7, **asked)
        assert len(caplog.records) == 5
        clock.advance(WINDOW_MS)
        services.peer_journal.close_window()
        assert "(INVALID_CONFIG: 995)" in caplog.text


async def test_one_request_is_one_line_for_each_error_however_much_it_gets_wrong(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker(**SETTINGS) as services:
        asked = [{"name": f"t{number}"} for number in range(500)] + [{"name": "no/where"}]
        await Peer(services, 7).converse(services, ApiKey.METADATA, 9, topics=asked)
        first, second = lines(caplog)
        assert f"topic 't0' and 499 more: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}" in first
        assert "topic 'no/where': INVALID_TOPIC_EXCEPTION: " in second


async def test_refusals_leave_room_for_lines_about_connections_that_are_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker(peer_lines_per_minute=1, **SETTINGS) as services:
        for number in range(ALL_TOGETHER + 5):
            journal = services.peer_journal
            journal.may_say_refused(
                f"host {number}", "INVALID_CONFIG", "topic", level=logging.WARNING
            )
        Peer(services, 7).send(pack(">i", -1))
        assert "closed: frame of -1 bytes" in caplog.text


def test_a_subject_is_spoken_of_once_in_a_window() -> None:
    complaints = Complaints(lines_max=3)
    said = Counter(
        subject
        for subject in "aabbaacd"
        if complaints.may_be_said("host", "kind", 0, subject=subject)
    )
    assert said == {"a": 1, "b": 1, "c": 1}
    assert complaints.close_window(WINDOW_MS) == (
        "5 more lines about 1 hosts were left out (kind: 5)"
    )
    assert complaints.may_be_said("host", "kind", WINDOW_MS, subject="a")


# -- what a line may say --


async def test_names_and_reasons_are_short_and_keep_to_their_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "x\n\x1b[31m\u202e" + "é" * 10_000
    async with simulated_broker(**SETTINGS) as services:
        peer = Peer(services, 7)
        await peer.converse(services, ApiKey.CREATE_TOPICS, 7, **new_topic(name))
        await peer.converse(services, ApiKey.OFFSET_COMMIT, 9, **{**commit(), "group_id": name})
    for line in lines(caplog):
        assert line.isprintable()
        assert len(line) < NAME_SHOWN + REASON_SHOWN + 200
    assert len(caplog.records) == 2


def test_a_client_id_is_shown_short_and_a_user_where_it_is_known() -> None:
    class KnownUser:
        user = "alice\n"

    request = Request(
        api_key=ApiKey.FETCH,
        api_version=4,
        client_id="c" * 30_000,
        client_host="10.0.0.1",
        flexible=False,
        peer="10.0.0.1:99",
        authentication=KnownUser(),  # type: ignore[arg-type]  # all that is asked of it
    )
    assert peer_name(request) == f"10.0.0.1:99 (client id '{'c' * 60}', user 'alice\\n')"


async def test_no_line_has_a_secret_in_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = {"name": "alice", "mechanism": 1, "salt": SECRET, "salted_password": SECRET}
    async with simulated_broker(**SETTINGS) as services:
        peer = Peer(services, 7)
        for iterations in (1, 4096):
            upsertion = {**secret, "iterations": iterations}
            await peer.converse(
                services, ApiKey.ALTER_USER_SCRAM_CREDENTIALS, 0, upsertions=[upsertion] * 2
            )
    assert len(caplog.records) == 1
    assert SECRET.decode() not in caplog.text
    assert SECRET.hex() not in caplog.text


async def test_a_log_in_that_fails_is_said_once_and_not_as_a_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Listener(SecurityProtocol.SASL_PLAINTEXT, "broker.example", 9093)
    async with simulated_broker(**SETTINGS) as services:
        peer = Peer(services, 7, kind=SaslConnection, listener=listener)
        body = request_bytes(ApiKey.SASL_HANDSHAKE, 1, mechanism="GSSAPI")
        peer.send(framed(head(ApiKey.SASL_HANDSHAKE, 1, 1, flexible=False) + body))
        (line,) = lines(caplog)
        assert "SASL mechanism 'GSSAPI' is not to be had" in line


def test_places_and_reasons_are_left_out_where_there_are_none() -> None:
    nothing = AnsweredError(ErrorCode.INVALID_REQUEST, "", "")
    assert error_words(nothing) == "INVALID_REQUEST: the request contradicts itself"
    several = AnsweredError(ErrorCode.INVALID_CONFIG, "topic 'a'", "why", 2)
    assert error_words(several) == "topic 'a' and 2 more: INVALID_CONFIG: why"
    assert place_of(topic=None, topic_id=NOWHERE, partition=0) == f"topic id {NOWHERE}, partition 0"


# -- without an answer --


@pytest.mark.parametrize("version", [3, 7, 13])
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (records(GOOD[:-1] + b"?", acks=0), "topic 't', partition 0: CORRUPT_MESSAGE: CRC-32C"),
        (records(GOOD, topic="nowhere", acks=0), "partition 0: UNKNOWN_TOPIC"),
    ],
    ids=["wrong checksum", "unknown topic"],
)
async def test_who_wants_no_answer_hears_of_a_refusal_by_the_end_of_its_connection(
    version: int, what: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker(**SETTINGS) as services:
        await prepare(services)
        peer = Peer(services, 7)
        body = request_bytes(ApiKey.PRODUCE, version, **what(services))
        flexible = version >= 9
        peer.send(framed(head(ApiKey.PRODUCE, version, 1, flexible=flexible) + body))
        (line,) = lines(caplog)
        assert f"closed: Produce v{version} with acks=0: " in line
        assert reason in line
        assert peer.is_closed
        assert peer.take_answers() == []


# -- and nobody else is disturbed --


async def test_others_go_on_while_somebody_gets_everything_wrong() -> None:
    async with simulated_broker(**SETTINGS) as services:
        await prepare(services)
        services.topics.create(KEPT_TOPIC, partition_count=1, configs={})
        bystander, peer = Bystander(services), Peer(services, 7)
        for bad in BAD:
            await peer.converse(services, bad.api, bad.version, **bad.fields(services))
            await bystander.act()
        right = topic_records(services, 1, batch_of(b"right"))
        answer = await peer.converse(services, ApiKey.PRODUCE, 7, acks=-1, topic_data=right)
        assert code(answer.responses[0].partition_responses[0]) == NONE
        assert len(bystander.kept) == len(BAD)
