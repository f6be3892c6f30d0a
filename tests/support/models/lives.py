"""How many lives the machines of the models live: few at each check, as many as one likes by hand
(`HAILSTREAM_LIVES=5000 pytest --hypothesis-profile anew` and the test's file)."""

import os
from typing import Final

from hypothesis import settings

LIVES: Final = settings(max_examples=int(os.environ.get("HAILSTREAM_LIVES", "40")), deadline=None)
