"""`users`: who may log in. On a running cluster by its APIs, or in a stopped broker's folder.

Passwords come from a prompt, a file or standard input, never as an argument: arguments are
seen by every user of the machine. What is kept of them cannot be turned back.
"""

import getpass
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
)
from streamcore.commands.texts import fail, print_line, print_rows

if TYPE_CHECKING:
    from streamcore.commands.user_books import UserBook

STDIN: Final = "-"
ITERATIONS: Final = 4_096

users_app = typer.Typer(help="Users: list, add, change the password, remove.", no_args_is_help=True)
UserName = Annotated[str, typer.Argument(metavar="USER")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="A stopped broker's folder, not a cluster."),
]
Mechanisms = Annotated[
    list[str] | None,
    typer.Option(
        "--mechanism",
        metavar="NAME",
        help="SCRAM-SHA-256 or SCRAM-SHA-512, which PLAIN needs. May be given again. [both]",
    ),
]
Iterations = Annotated[
    int, typer.Option("--iterations", help="How slow a guess is: 4096 to 16384.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="Its first line; - is standard input."),
]


@users_app.command("list")
def list_users(
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List all users with their mechanisms and iterations."""
    with _book(bootstrap_servers, command_config, data_dir) as book:
        users = book.all()
    rows = [{"user": name, "mechanisms": users[name]} for name in sorted(users)]
    print_rows(rows, columns=("user", "mechanisms"), as_json=as_json)


@users_app.command("add")
def add_user(
    user: UserName,
    mechanism: Mechanisms = None,
    iterations: Iterations = ITERATIONS,
    password_file: PasswordFile = None,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    data_dir: DataDir = None,
) -> None:
    """Add a user; asks for the password."""
    wanted = _mechanisms(mechanism)
    if not user:
        fail("the name of the user is empty")
    with _book(bootstrap_servers, command_config, data_dir, may_be_new=True) as book:
        if book.of(user):
            fail(f"user {user!r} exists already; `users passwd` changes the password")
        password = _password(password_file)
        for name in wanted:
            book.put(user, name, password, iterations)
    print_line(f"added {user}")


@users_app.command("passwd")
def change_password(
    user: UserName,
    mechanism: Mechanisms = None,
    iterations: Iterations = ITERATIONS,
    password_file: PasswordFile = None,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    data_dir: DataDir = None,
) -> None:
    """Change a user's password, for the mechanisms that it has or for those that are named."""
    with _book(bootstrap_servers, command_config, data_dir) as book:
        known = book.of(user)
        if not known:
            fail(f"no user {user!r}")
        wanted = _mechanisms(mechanism) if mechanism else list(known)
        password = _password(password_file)
        for name in wanted:
            book.put(user, name, password, iterations)
    print_line(f"changed {user}")


@users_app.command("remove")
def remove_user(
    user: UserName,
    mechanism: Mechanisms = None,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    data_dir: DataDir = None,
) -> None:
    """Remove a user, or only some of its mechanisms. Who is connected stays connected."""
    with _book(bootstrap_servers, command_config, data_dir) as book:
        known = book.of(user)
        if not known:
            fail(f"no user {user!r}")
        for name in _mechanisms(mechanism) if mechanism else list(known):
            if name not in known:
                fail(f"user {user!r} has no {name}")
            book.remove(user, name)
    print_line(f"removed {user}")


def _book(
    bootstrap_servers: str,
    command_config: Path | None,
    data_dir: Path | None,
    *,
    may_be_new: bool = False,
) -> AbstractContextManager["UserBook"]:
    from streamcore.commands.user_books import folder_book, online_book

    if data_dir is None:
        return online_book(bootstrap_servers, command_config)
    if not may_be_new and not data_dir.is_dir():
        fail(f"--data-dir {data_dir}: there is no such folder")
    return folder_book(data_dir)


def _mechanisms(given: list[str] | None) -> list[str]:
    from streamcore.wire.scram_keys import ScramMechanism

    known = [str(mechanism) for mechanism in ScramMechanism]
    for name in given or ():
        if name not in known:
            fail(f"--mechanism {name!r} is not one of {', '.join(known)}")
    return given or known


def _password(file: Path | None) -> str:
    if file is not None and str(file) != STDIN:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            fail(f"--password-file {file}: {error.strerror}")
        password = text.split("\n", 1)[0]
    elif file is not None or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            fail("the two are not the same")
    if not password:
        fail("the password is empty")
    return password
