"""The pages' contracts are the services' contracts."""

from pathlib import Path

from hailstream.typescript import generate

GENERATED = Path(__file__).parents[3] / "web/src/contracts/generated.ts"


def test_the_generated_file_is_up_to_date() -> None:
    assert GENERATED.read_text(encoding="utf-8") == generate(), "run `make contracts`"


def test_structs_unions_and_layouts_are_there() -> None:
    text = generate()
    assert 'export type RideState = "requested" | "offered"' in text
    assert "export type WatchDown = WatchWelcome | WatchBeat" in text
    assert '  type: "offer";' in text
    assert "export const PING = {\n  size: 40,\n  version: 0," in text
