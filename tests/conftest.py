"""What hypothesis draws is the same at every run, on every machine; `--hypothesis-profile anew`
has it draw something else each time, to look for what nobody has seen yet."""

from hypothesis import settings

settings.register_profile("replayed", derandomize=True)
settings.register_profile("anew", derandomize=False, print_blob=True)
settings.load_profile("replayed")
