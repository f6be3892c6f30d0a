"""The pages that are made from the code say what the code says."""

import pytest

from groundwork.settings import field_help
from hailstream.pages import DOCS, PAGES
from streamcore.broker.settings import BrokerSettings


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == PAGES[page](), "run `make docs`"


@pytest.mark.parametrize("page", ["SETTINGS.md", "METRICS.md"])
def test_nothing_is_listed_without_saying_what_it_means(page: str) -> None:
    silent = [line for line in PAGES[page]().splitlines() if line.endswith("|  |")]
    assert silent == []


def test_the_architecture_names_every_package() -> None:
    text = (DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8")
    root = DOCS.parent
    for holder in ("platform", "services", "simulator", "loadtest"):
        for package in (root / holder).glob("*/__init__.py"):
            for inner in [
                package.parent,
                *(p.parent for p in package.parent.glob("*/__init__.py")),
            ]:
                assert f"{inner.relative_to(root)}/" in text, inner.relative_to(root)


def test_the_broker_explains_its_settings() -> None:
    assert [name for name, text in field_help(BrokerSettings).items() if not text] == []
