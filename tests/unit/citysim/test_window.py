"""The window of frames that are sent and not yet acknowledged."""

import pytest

from citysim.drive.window import AckBad, SendWindow


class TestWindow:
    def test_frames_are_sent_once_and_dropped_when_acknowledged(self) -> None:
        window = SendWindow(frames_max=10)
        for number in range(4):
            window.add(bytes([number]), number)
        assert window.take_unsent() == [b"\0", b"\1", b"\2", b"\3"]
        assert window.take_unsent() == []
        assert window.on_acknowledged(3) == [(b"\0", 0), (b"\1", 1), (b"\2", 2)]
        assert window.on_acknowledged(3) == []
        assert window.is_waiting
        assert window.held() == [b"\3"]

    def test_a_new_socket_gets_all_that_the_old_one_left_open(self) -> None:
        window = SendWindow(frames_max=10)
        for number in range(4):
            window.add(bytes([number]), number)
        window.take_unsent()
        window.on_acknowledged(1)
        window.on_opened()
        assert window.bytes_resent_total == 3
        assert window.take_unsent() == [b"\1", b"\2", b"\3"]
        assert [payload for payload, _ in window.on_acknowledged(3)] == [b"\1", b"\2", b"\3"]
        assert not window.is_waiting

    def test_a_full_window_says_so_until_something_is_acknowledged(self) -> None:
        window = SendWindow(frames_max=2)
        window.add(b"a", 0)
        assert not window.is_full
        window.add(b"b", 0)
        assert window.is_full
        window.take_unsent()
        window.on_acknowledged(1)
        assert not window.is_full

    def test_more_acknowledged_than_sent_is_refused(self) -> None:
        window = SendWindow()
        window.add(b"a", 0)
        window.take_unsent()
        window.add(b"b", 0)
        with pytest.raises(AckBad, match="2 frames acknowledged, 1 sent"):
            window.on_acknowledged(2)
