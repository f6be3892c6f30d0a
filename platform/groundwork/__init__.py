"""The ground everything stands on: the outside world as seams, and the habits of a process."""
