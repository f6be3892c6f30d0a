"""From the log to the log: frames first, then the commit; a restart shows nothing twice."""

import numpy as np
import pytest

from groundwork.metrics import Registry
from groundwork.simulated.clocks import VirtualClock
from rideflow.columns.position_frames import read_frame
from rideflow.contracts.ids import DriverId, driver_key
from rideflow.contracts.metrics import POSITIONS_METRICS
from rideflow.contracts.pings import PING
from rideflow.positions.main import GROUP, Pump
from rideflow.positions.restoring import restore_from_frames
from rideflow.positions.stage import Stage
from streamcore.client.api import LogError, Shape, StartAt, Subscription, TopicName
from tests.support.fake_log import FakeLog


class Scene:
    """A positions process that can be started again over the same log."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.log = FakeLog(self.clock)

    async def start(self) -> Pump:
        self.metrics = Registry(POSITIONS_METRICS)
        stage = Stage(self.metrics, drivers_max=100)
        await restore_from_frames(self.log, stage, self.clock, back_ms=10_000)
        shape = Shape(key_width=10, value_width=40)
        topics = {TopicName("driver.pings"): shape, TopicName("driver.backlog"): shape}
        self.consumer = await self.log.consumer(
            Subscription(topics=topics, group=GROUP, start=StartAt.EARLIEST, wait_ms_max=1)
        )
        self.producer = self.log.producer()
        return Pump(
            stage=stage,
            consumer=self.consumer,
            producer=self.producer,
            clock=self.clock,
            metrics=self.metrics,
        )

    def ping(self, driver: int, sequence: int, *, topic: str = "driver.pings") -> None:
        row = np.zeros(1, PING)
        row["version"], row["state"], row["driver"], row["sequence"] = 1, 1, driver, sequence
        row["fix_ms"] = self.clock.now_ms()
        self.log.put(topic, driver_key(DriverId(driver)), row.tobytes())

    def shown(self) -> list[tuple[int, int]]:
        rows = [read_frame(frame)[1] for frame in self.log.values("driver.positions")]
        return [(int(r["driver"]), int(r["sequence"])) for part in rows for r in part]


async def test_what_is_committed_has_its_frames_in_the_log() -> None:
    scene = Scene()
    pump = await scene.start()
    scene.ping(7, 1)
    scene.producer.hold()
    await pump.turn()
    assert scene.log.committed_offsets == {}
    scene.producer.release()
    await pump.commit()
    assert sum(scene.log.committed_offsets.values()) == 1
    assert scene.shown() == [(7, 1)]


async def test_a_restart_before_the_commit_shows_nothing_twice() -> None:
    scene = Scene()
    pump = await scene.start()
    scene.ping(7, 1)
    await pump.turn()
    await scene.producer.flush()
    await scene.consumer.close()
    pump = await scene.start()
    scene.clock.advance(1_000)
    scene.ping(7, 2)
    await pump.turn()
    await pump.commit()
    assert scene.shown() == [(7, 1), (7, 2)]
    assert scene.metrics.counter("filtered_repeat_total").value == 1


async def test_a_frame_that_the_log_refused_ends_the_process() -> None:
    scene = Scene()
    pump = await scene.start()
    scene.ping(7, 1)
    scene.producer.hold()
    await pump.turn()
    scene.producer.fail()
    with pytest.raises(LogError):
        await pump.commit()
    assert scene.log.committed_offsets == {}


async def test_backlog_is_counted_and_shown_to_nobody() -> None:
    scene = Scene()
    pump = await scene.start()
    scene.ping(7, 1, topic="driver.backlog")
    await pump.turn()
    assert scene.shown() == []
    assert scene.metrics.counter("backlog_pings_total").value == 1


async def test_a_record_that_is_no_ping_is_counted_and_the_others_go_on() -> None:
    scene = Scene()
    pump = await scene.start()
    scene.log.put("driver.pings", b"0000000007", b"no ping")
    scene.log.put("driver.pings", b"0000000007", bytes(40))
    scene.ping(7, 1)
    await pump.turn()
    await pump.commit()
    assert scene.shown() == [(7, 1)]
    assert scene.metrics.counter("filtered_odd_total").value == 2
