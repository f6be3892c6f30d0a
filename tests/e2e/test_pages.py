"""The pages in a real browser on a real city: one rides, another drives, a third looks on."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.whole_city import WholeCity, whole_city

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = (390, 844)
DESK = (1440, 900)
SOON_MS = 30_000

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt: chromium)"),
]


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as tools:
        # WebGL falls to software by itself; further flags would slow the pages down.
        chromium = await tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            await chromium.close()


async def opened(
    chromium: Browser, city: WholeCity, path: str, size: tuple[int, int], errors: list[str]
) -> Page:
    """A page in a browser profile of its own, as each person has one."""
    context = await chromium.new_context(viewport={"width": size[0], "height": size[1]})
    page = await context.new_page()
    page.set_default_timeout(SOON_MS)
    page.on("pageerror", lambda error: errors.append(f"{path}: {error}"))
    await page.goto(city.url + path)
    return page


async def test_a_ride_from_the_first_search_to_the_receipt(tmp_path: Path) -> None:
    errors: list[str] = []
    async with whole_city(tmp_path, "--no-simulator") as city, browser() as chromium:
        rider = await opened(chromium, city, "/rider", PHONE, errors)
        driver = await opened(chromium, city, "/driver", PHONE, errors)
        await driver.get_by_role("switch").click()

        await rider.get_by_role("combobox").fill("Row 12")
        await expect(rider.get_by_role("option").first).to_be_visible(timeout=SOON_MS)
        await rider.keyboard.press("ArrowDown")
        await rider.keyboard.press("Enter")
        ask = rider.get_by_role("button", name="Request")
        await ask.or_(rider.get_by_role("button", name="Ask anyway")).click()

        for step in ("Accept", "Arrived", "Boarded", "Dropped"):
            await driver.get_by_role("button", name=step).click()
            if step == "Accept":
                await expect(rider.get_by_text("on the way")).to_be_visible(timeout=SOON_MS)
        await expect(rider.get_by_text("You have arrived")).to_be_visible(timeout=SOON_MS)
        await expect(rider.get_by_text("Promised")).to_be_visible()
    assert errors == []


async def test_the_operator_sees_the_city_and_the_doors_lead_in(tmp_path: Path) -> None:
    errors: list[str] = []
    flags = ("--drivers", "300", "--pings-per-second", "300", "--riders", "5")
    async with whole_city(tmp_path, *flags) as city, browser() as chromium:
        landing = await opened(chromium, city, "/", DESK, errors)
        for door in ("rider", "driver", "operator"):
            await expect(landing.locator(f'a[href*="{door}"]').first).to_be_visible()
        operator = await opened(chromium, city, "/operator", DESK, errors)
        await expect(operator.get_by_text("300 seen")).to_be_visible(timeout=SOON_MS)
        await expect(operator.get_by_text("double-assigned")).to_be_visible()
        await expect(operator.get_by_text("OpenStreetMap")).to_be_visible()
    assert errors == []


async def test_a_rider_without_a_network_is_told_so_and_what_still_holds(tmp_path: Path) -> None:
    errors: list[str] = []
    flags = ("--drivers", "100", "--pings-per-second", "100", "--riders", "0")
    async with whole_city(tmp_path, *flags) as city, browser() as chromium:
        rider = await opened(chromium, city, "/rider", PHONE, errors)
        await expect(rider.get_by_role("combobox")).to_be_visible()
        await rider.context.set_offline(True)
        await expect(rider.locator(".banner")).to_be_visible(timeout=SOON_MS)
        await rider.context.set_offline(False)
        await expect(rider.locator(".banner")).to_be_hidden(timeout=SOON_MS)
    assert errors == []
